import { messageOf, type TensorInfo, usageError } from '@qt/core'
import { metadataString } from '../gguf/metadata.js'
import { isLaterPart, readWholeGguf } from '../gguf/read-split.js'
import { baseName, joinPath } from '../io/paths.js'
import { tensorTypeOfDtype } from '../safetensors/dtypes.js'
import { readSharded } from '../safetensors/read-sharded.js'
import { checkTensors } from './check-tensors.js'
import type { Model } from './model.js'
import { isQuantState, nf4Tensor } from './nf4.js'
import { fileExists, readJsonObject } from './read-json.js'
import { refuse } from './refuse.js'
import { specFromConfig } from './spec-from-config.js'
import { specFromGguf } from './spec-from-gguf.js'

/**
 * Opens a GGUF file or a Hugging Face folder: reads headers only, and checks that every tensor the model needs is
 * there with the right shape.
 *
 * @example
 * ```ts
 * const model = await openModel('model.gguf')
 * model.spec.layers // 30
 * model.tensors.get('blk.0.attn_q.weight') // { type: 'Q4_1', shape: [576, 576], file, offset, bytes, … }
 * ```
 */
export async function openModel(path: string, options: { signal?: AbortSignal | undefined } = {}): Promise<Model> {
  options.signal?.throwIfAborted()
  const { readdir, stat } = await import('node:fs/promises')
  const status = await stat(path).catch((cause: unknown) => {
    throw usageError('MODEL_MISSING', `There is no model at ${path}: ${messageOf(cause)}.`, {
      where: { file: path },
      actions: ['Check the path.', 'Download a model of the hub first (resolve), then give the path it lies at.'],
      cause,
    })
  })
  if (status.isDirectory()) {
    if (await fileExists(joinPath(path, 'config.json'))) return openFolder(path)
    const files = (await readdir(path)).filter((name) => name.endsWith('.gguf') && !isLaterPart(name))
    if (files.length === 1) return openGguf(joinPath(path, files[0]!))
    throw usageError(
      'NOT_A_MODEL',
      `The folder ${path} has no config.json${files.length > 1 ? ' and more than one GGUF file' : ''}.`,
      {
        where: { file: path },
        actions: ['Give a GGUF file, or a folder with config.json and model.safetensors.'],
      },
    )
  }
  if (path.endsWith('.safetensors'))
    throw usageError('NOT_A_MODEL', `${path} holds weights only; how to use them stands in config.json beside it.`, {
      where: { file: path },
      actions: ['Give the folder instead.'],
    })
  return openGguf(path)
}

async function openGguf(path: string): Promise<Model> {
  const gguf = await readWholeGguf(path)
  const { metadata } = gguf
  const description = await specFromGguf(gguf)
  return {
    path,
    kind: 'gguf',
    name: metadataString(metadata, 'general.name') ?? baseName(path).replace(/\.gguf$/, ''),
    spec: description.spec,
    tensors: checkTensors(description, gguf.tensors, path, 'name', description.architecture.gguf.ignored),
    metadata,
    tokenizerFile: metadata.has('tokenizer.ggml.tokens') ? gguf.name : undefined,
    description,
  }
}

/** A snapshot in the hub's cache is named after its commit; the repository's name is what people know. */
const folderName = (path: string): string =>
  /models--[^/\\]+--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]{40}[/\\]?$/.exec(path)?.[1] ?? baseName(path)

async function openFolder(path: string): Promise<Model> {
  const configFile = joinPath(path, 'config.json')
  const description = specFromConfig(await readJsonObject(configFile), configFile)
  const { huggingFace } = description.architecture
  const found = new Map<string, TensorInfo>()
  const tensors = await readSharded(path)
  for (const [name, { file }] of tensors) {
    const entry = file.tensors.get(name)!
    if (huggingFace.ignored.some((pattern) => pattern.test(name)) || isQuantState(name)) continue
    const quantised = await nf4Tensor(name, tensors)
    if (quantised) {
      found.set(name, { name, type: 'NF4', file: file.name, offset: entry.offset, bytes: entry.bytes, ...quantised })
      continue
    }
    const type = tensorTypeOfDtype(entry.dtype)
    if (type === undefined) throw refuse(file.name, name, entry.dtype, 'is a type of numbers that is not supported yet')
    found.set(name, { name, type, shape: entry.shape, file: file.name, offset: entry.offset, bytes: entry.bytes })
  }
  const tokenizerFile = joinPath(path, 'tokenizer.json')
  return {
    path,
    kind: 'hf',
    name: folderName(path),
    spec: description.spec,
    tensors: checkTensors(description, found, path, 'huggingFace', huggingFace.ignored),
    tokenizerFile: (await fileExists(tokenizerFile)) ? tokenizerFile : undefined,
    description,
  }
}
