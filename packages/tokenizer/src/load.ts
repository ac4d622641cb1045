import { messageOf, usageError } from '@qt/core'
import { readGguf } from '@qt/weights'
import { inFile, invalid } from './errors.js'
import { tokenizerFromGguf } from './from-gguf.js'
import { type FromJsonOptions, tokenizerFromJson } from './from-json.js'
import type { TextTokenizer } from './text-tokenizer.js'

/** The largest tokenizer.json there is has about 40 MB. */
const largestJson = 512 * 2 ** 20

export type LoadOptions = Pick<FromJsonOptions, 'dropout'>

/**
 * Loads a tokenizer from a GGUF file, a tokenizer.json, or a folder that has one of them.
 *
 * @example
 * ```ts
 * const tokenizer = await loadTokenizer('model.gguf')
 * tokenizer.decode(tokenizer.encode('I search the altar'))
 * ```
 */
export async function loadTokenizer(path: string, options: LoadOptions = {}): Promise<TextTokenizer> {
  const file = await fileIn(path)
  if (await isGguf(file)) {
    const gguf = await readGguf(file)
    return inFile(file, () => tokenizerFromGguf(gguf.metadata))
  }
  return loadJson(file, options)
}

const missing = (path: string, cause?: unknown) =>
  usageError('TOKENIZER_MISSING', `There is no tokenizer at ${path}.`, {
    where: { file: path },
    actions: ['Give a GGUF file, a tokenizer.json, or a folder that has one of them.'],
    cause,
  })

async function fileIn(path: string): Promise<string> {
  const { readdir, stat } = await import('node:fs/promises')
  const { join } = await import('node:path')
  const status = await stat(path).catch((cause: unknown) => {
    throw missing(path, cause)
  })
  if (!status.isDirectory()) return path
  const names = await readdir(path)
  if (names.includes('tokenizer.json')) return join(path, 'tokenizer.json')
  const ggufs = names.filter((name) => name.endsWith('.gguf')).sort()
  if (ggufs.length > 1) {
    throw usageError('TOKENIZER_AMBIGUOUS', `The folder ${path} has ${ggufs.length} GGUF files.`, {
      where: { file: path },
      actions: ggufs.slice(0, 3).map((name) => `Name one of them: ${join(path, name)}`),
    })
  }
  const [only] = ggufs
  if (only === undefined) throw missing(path)
  return join(path, only)
}

async function isGguf(file: string): Promise<boolean> {
  const { open } = await import('node:fs/promises')
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(4), 0, 4, 0)
    return bytesRead === 4 && new TextDecoder().decode(buffer) === 'GGUF'
  } finally {
    await handle.close()
  }
}

async function readJson(file: string): Promise<unknown> {
  const { readFile, stat } = await import('node:fs/promises')
  if ((await stat(file)).size > largestJson) throw inFileError(file, `It is larger than ${largestJson / 2 ** 20} MB.`)
  const text = await readFile(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw inFileError(file, `It is neither GGUF nor JSON: ${messageOf(cause)}.`)
  }
}

const inFileError = (file: string, message: string) =>
  inFile(file, () => {
    throw invalid('tokenizer.json', message)
  })

/** A file beside the tokenizer that may be absent. */
async function beside<T>(file: string, read: (file: string) => Promise<T>): Promise<T | undefined> {
  const { access } = await import('node:fs/promises')
  const there = await access(file).then(
    () => true,
    () => false,
  )
  return there ? read(file) : undefined
}

async function loadJson(file: string, options: LoadOptions): Promise<TextTokenizer> {
  const { readFile } = await import('node:fs/promises')
  const { dirname, join } = await import('node:path')
  const folder = dirname(file)
  const json = await readJson(file)
  const config = await beside(join(folder, 'tokenizer_config.json'), readJson)
  const generation = await beside(join(folder, 'generation_config.json'), readJson)
  const chatTemplate = await beside(join(folder, 'chat_template.jinja'), (path) => readFile(path, 'utf8'))
  return inFile(file, () => tokenizerFromJson(json, { ...options, config, generation, chatTemplate }))
}
