import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readGguf } from '@qt/weights'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixturePath } from '../test/fixtures.js'
import { tokenizerFromGguf } from './from-gguf.js'
import { tokenizerFromJson } from './from-json.js'
import { extendTokenizer, Tokenizer, trainBpe, trainUnigram, trainWordPiece } from './index.js'
import { loadTokenizer } from './load.js'

const AsyncFunction: new (...source: string[]) => (...values: unknown[]) => Promise<void> = Object.getPrototypeOf(
  async () => {},
).constructor
const gguf = new URL('../../../../shared/data/vocab/ggml-vocab-gpt-2.gguf', import.meta.url).pathname
if (!existsSync(gguf)) console.log('skipped: examples that read a GGUF file, since ../shared/data/vocab is not there')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-examples-'))
})
afterAll(async () => rm(folder, { recursive: true }))

/** Runs an example; `call(…) // 'text'` has to give that text. Files it names are real ones. */
async function run(code: string): Promise<void> {
  const source = code
    .replaceAll(/^import .*$/gm, '')
    .replaceAll("'model.gguf'", JSON.stringify(existsSync(gguf) ? gguf : fixturePath('gpt2.json')))
    .replaceAll("'tokenizer.json'", JSON.stringify(join(folder, 'tokenizer.json')))
    .replaceAll(/^(\w+\..*\)) +\/\/ ('.*')$/gm, 'expect($1).toEqual($2)')
  const text = readFileSync(fixturePath('gpt2.json'), 'utf8')
  const scope = {
    Tokenizer,
    trainBpe,
    trainUnigram,
    trainWordPiece,
    extendTokenizer,
    loadTokenizer,
    tokenizerFromJson,
    tokenizerFromGguf,
    readGguf,
    writeFile,
    expect,
    text,
    configText: '{}',
  }
  await new AsyncFunction(...Object.keys(scope), source)(...Object.values(scope))
}

const examplesIn = (file: string): string[] => {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8')
  return [...source.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => (code ?? '').replaceAll(/^ \* ?/gm, ''))
}

describe('examples', () => {
  it('of the README run from top to bottom', async () => {
    const blocks = examplesIn('../README.md')
    expect(blocks.length).toBe(3)
    await run(blocks.join('\n'))
    expect((await Tokenizer.load(folder)).vocabularySize).toBeGreaterThan(256)
  })

  const files = readdirSync(new URL('.', import.meta.url), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && examplesIn(name).length > 0,
  )
  it.each(files.filter((name) => existsSync(gguf) || !name.includes('gguf')))('in %s run', async (name) => {
    for (const code of examplesIn(name)) await run(code)
  })
})
