import { messageOf, QtError, type TensorInfo, usageError } from '@qt/core'
import { parseAdapterConfig } from '../adapter/config.js'
import { metadataString } from '../gguf/metadata.js'
import { readGguf } from '../gguf/read.js'
import { joinPath } from '../io/paths.js'
import { openModel } from '../model/open-model.js'
import { fileExists, readJsonObject } from '../model/read-json.js'
import { readSafetensors, type Safetensors } from '../safetensors/read.js'
import { readSharded } from '../safetensors/read-sharded.js'
import { type InspectedTensor, type Inspection, summarise } from './inspection.js'
import { plainMetadata } from './plain-metadata.js'

/**
 * Says what a GGUF file, a safetensors file, a Hugging Face folder or a PEFT folder holds, from headers alone.
 *
 * @example
 * ```ts
 * const { architecture, parameters, totals } = await inspect('model.gguf')
 * // 'llama', 134515008, { F32: { tensors: 61, … }, Q4_1: { … }, Q8_0: { … } }
 * ```
 */
export async function inspect(path: string): Promise<Inspection> {
  const { open, stat } = await import('node:fs/promises')
  const status = await stat(path).catch((cause: unknown) => {
    throw usageError('FILE_UNREADABLE', `${path} cannot be read: ${messageOf(cause)}.`, { where: { file: path }, cause })
  })
  if (status.isDirectory()) return inspectFolder(path)
  if (path.endsWith('.safetensors')) return inspectSafetensors(path)
  const handle = await open(path, 'r')
  const start = new Uint8Array(9)
  await handle.read(start, 0, 9, 0).finally(() => handle.close())
  // A safetensors file of another name: a length, then a JSON object.
  return start[8] === 0x7b && start[0] !== 0x47 ? inspectSafetensors(path) : inspectGguf(path)
}

const listed = ({ name, type, shape, bytes }: TensorInfo): InspectedTensor => ({ name, type, shape, bytes })

/** A model's spec, or why it has none. */
async function specOf(path: string): Promise<Pick<Inspection, 'spec' | 'problem'>> {
  try {
    return { spec: (await openModel(path)).spec }
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return { problem: error.message }
  }
}

async function inspectGguf(path: string): Promise<Inspection> {
  const gguf = await readGguf(path)
  const architecture = metadataString(gguf.metadata, 'general.architecture')
  const name = metadataString(gguf.metadata, 'general.name')
  return {
    path,
    format: 'gguf',
    version: gguf.version,
    ...(architecture === undefined ? {} : { architecture }),
    ...(name === undefined ? {} : { name }),
    ...(await specOf(path)),
    ...summarise([...gguf.tensors.values()].map(listed)),
    metadata: plainMetadata(gguf.metadata),
  }
}

const tensorsOf = (file: Safetensors): InspectedTensor[] =>
  [...file.tensors.values()].map(({ name, dtype, shape, bytes }) => ({ name, type: dtype, shape, bytes }))

async function inspectSafetensors(path: string): Promise<Inspection> {
  const file = await readSafetensors(path)
  return { path, format: 'safetensors', ...summarise(tensorsOf(file)), metadata: Object.fromEntries(file.metadata) }
}

async function inspectFolder(path: string): Promise<Inspection> {
  const adapterConfig = joinPath(path, 'adapter_config.json')
  if (await fileExists(adapterConfig)) {
    const metadata = await readJsonObject(adapterConfig)
    const file = await readSafetensors(joinPath(path, 'adapter_model.safetensors'))
    return { path, format: 'peft', ...adapterProblem(metadata, adapterConfig), ...summarise(tensorsOf(file)), metadata }
  }
  const config = joinPath(path, 'config.json')
  if (!(await fileExists(config))) return inspectGguf((await openModel(path)).path)
  const metadata = await readJsonObject(config)
  const tensors = [...(await readSharded(path))].map(([name, { file }]): InspectedTensor => {
    const { dtype, shape, bytes } = file.tensors.get(name)!
    return { name, type: dtype, shape, bytes }
  })
  const architecture = Array.isArray(metadata.architectures) ? String(metadata.architectures[0]) : undefined
  return {
    path,
    format: 'hf',
    ...(architecture === undefined ? {} : { architecture }),
    ...(await specOf(path)),
    ...summarise(tensors),
    metadata,
  }
}

function adapterProblem(json: Readonly<Record<string, unknown>>, file: string): Pick<Inspection, 'problem'> {
  try {
    parseAdapterConfig(json, file)
    return {}
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return { problem: error.message }
  }
}
