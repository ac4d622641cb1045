import { access, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { QtError, usageError } from '@qt/core'
import { type ResolveOptions, resolve } from '@qt/weights'

/** Where the parts of a sentence model are. */
export interface ModelFiles {
  readonly graph: string
  readonly tokenizer: string
  /** Of Hugging Face, and how sentence-transformers pools; some folders have neither. */
  readonly config: string | undefined
  readonly pooling: string | undefined
}

/** In this order: the most exact first. */
const graphs = ['model.onnx', 'onnx/model.onnx', 'model_quantized.onnx', 'onnx/model_quantized.onnx']

/** Of a folder, of an .onnx file, or of a repository of the hub, `owner/name[@revision][:file.onnx]`. */
export async function findModelFiles(reference: string, options: ResolveOptions): Promise<ModelFiles> {
  const found = await stat(reference).catch(() => undefined)
  if (found?.isDirectory()) return inFolder(reference, graphs)
  if (found) {
    const folder = dirname(reference)
    // The layout of the hub has onnx/model.onnx below the tokenizer.
    const above = basename(folder) === 'onnx' && !(await there(join(folder, 'tokenizer.json')))
    return above ? inFolder(dirname(folder), [join('onnx', basename(reference))]) : inFolder(folder, [basename(reference)])
  }
  return fromHub(reference, options)
}

async function inFolder(folder: string, names: readonly string[]): Promise<ModelFiles> {
  const first = async (candidates: readonly string[]) => {
    for (const name of candidates) if (await there(join(folder, name))) return join(folder, name)
    return undefined
  }
  const graph = await first(names)
  const tokenizer = await first(['tokenizer.json'])
  if (graph === undefined || tokenizer === undefined)
    throw usageError(
      'EMBED_MODEL',
      `The folder has no ${graph === undefined ? 'model.onnx' : 'tokenizer.json'}, so it is no sentence model.`,
      {
        where: { file: folder },
        actions: ['Name a folder that has model.onnx (or model_quantized.onnx), tokenizer.json and config.json.'],
      },
    )
  return { graph, tokenizer, config: await first(['config.json']), pooling: await first(['1_Pooling/config.json']) }
}

async function fromHub(reference: string, options: ResolveOptions): Promise<ModelFiles> {
  const [, repository = reference, file = 'onnx/model.onnx'] = /^([^:]+):(.+)$/.exec(reference) ?? []
  const graph = await resolve(`${repository}:${file}`, options)
  const part = (name: string) => resolve(`${repository}:${name}`, options)
  const optional = (name: string) =>
    part(name).catch((error: unknown) => {
      if (QtError.isInstance(error) && error.code === 'HUB_NOT_FOUND') return undefined
      throw error
    })
  return {
    graph,
    tokenizer: await part('tokenizer.json'),
    config: await optional('config.json'),
    pooling: await optional('1_Pooling/config.json'),
  }
}

const there = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** What a JSON file of a model has at its top; nothing when there is no file. */
export async function readFields(path: string | undefined): Promise<ReadonlyMap<string, unknown>> {
  if (path === undefined) return new Map()
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value))
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
  }
  throw usageError('EMBED_MODEL', 'The file is no JSON object.', {
    where: { file: path },
    actions: ['Download the model again.'],
  })
}
