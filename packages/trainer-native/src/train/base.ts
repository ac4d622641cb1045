import { type ModelSpec, projections, QtError, type TensorType, type TrainingConfig, tensorTypes, usageError } from '@qt/core'
import { type Config, type Model, type ModelDescription, openModel, resolve, specFromConfig } from '@qt/weights'
import type { Storage, TensorSource } from '../binding.js'
import { requireSupportedModel } from '../supported.js'
import { architectureConfig, architectureSettings } from './presets.js'
import type { Share } from './windows.js'

/** What training starts from: a model on disk, or a description of a new one. */
export interface Base {
  readonly spec: ModelSpec
  readonly description: ModelDescription
  readonly model: Model | undefined
  /** For PEFT's adapter_config.json. */
  readonly name: string
}

export async function openBase(
  config: TrainingConfig,
  vocabularySize: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Base> {
  if (config.base !== undefined) {
    const model = await openModel(await resolve(config.base, { signal }), { signal })
    requireSupportedModel(model)
    return { spec: model.spec, description: model.description, model, name: model.name }
  }
  const description = ownArchitecture(
    architectureConfig(config.architecture ?? {}, vocabularySize, config.training.sequenceLength),
  )
  if (vocabularySize !== undefined && vocabularySize > description.spec.vocabularySize)
    throw usageError(
      'CONFIG_INVALID',
      `The tokenizer has ${vocabularySize} tokens, architecture.vocab only ${description.spec.vocabularySize}.`,
      {
        where: { field: 'architecture.vocab' },
        actions: ['Leave "vocab" out: it then follows the tokenizer.'],
      },
    )
  return { spec: description.spec, description, model: undefined, name: 'a new model' }
}

/** The spec of a new model; what is wrong with it stands in the configuration, not in a file that could be downloaded again. */
function ownArchitecture(config: Config): ModelDescription {
  try {
    return specFromConfig(config)
  } catch (error) {
    if (!QtError.isInstance(error) || error.code !== 'MODEL_INVALID') throw error
    const setting = architectureSettings[error.where?.field ?? ''] ?? error.where?.field ?? ''
    throw usageError('CONFIG_INVALID', error.message.replace(error.where?.field ?? '', `architecture.${setting}`), {
      where: { field: `architecture.${setting}` },
      actions: [`Change "${setting}" of the architecture, or take a preset.`],
      cause: error,
    })
  }
}

export interface TensorInMemory {
  readonly name: string
  readonly type: TensorType
  readonly bytes: number
}

/** The tensors of the base as they are in memory: as they lie in their file, or decoded. */
export const baseTensors = ({ model }: WithTensors, storage: Storage): TensorInMemory[] =>
  [...(model?.tensors.values() ?? [])].map((tensor) => ({
    name: tensor.name,
    type: typeInMemory(tensor, storage),
    bytes: tensorBytes(tensor, storage),
  }))

/** Bytes of tensors together. */
export const bytesOfAll = (tensors: readonly TensorInMemory[]): number => tensors.reduce((sum, { bytes }) => sum + bytes, 0)

/**
 * Bytes where each process of a job holds its share of each block's projections and two whole blocks in passing: as the engine's
 * ShardedBase cuts them, at multiples of 64.
 */
export function sharedBaseBytes(tensors: readonly TensorInMemory[], { rank, size }: Share): number {
  const blocks = new Map<string, number>()
  let sum = 0
  for (const { name, bytes } of tensors) {
    const block = isProjection(name) ? /^blk\.(\d+)\./.exec(name)?.[1] : undefined
    if (block === undefined) sum += bytes
    else blocks.set(block, (blocks.get(block) ?? 0) + Math.ceil(bytes / 64) * 64)
  }
  const cut = (bytes: number, process: number) => (process === size ? bytes : Math.floor((bytes * process) / size / 64) * 64)
  for (const bytes of blocks.values()) sum += cut(bytes, rank + 1) - cut(bytes, rank)
  return sum + 2 * Math.max(0, ...blocks.values())
}

type FileTensor = Model['tensors'] extends ReadonlyMap<string, infer Tensor> ? Tensor : never
type BaseTensor = Pick<FileTensor, 'name' | 'type' | 'shape' | 'bytes'>

/** As much of a base as says what its tensors take. */
export interface WithTensors {
  readonly model: { readonly tensors: ReadonlyMap<string, BaseTensor> } | undefined
}

function tensorBytes(tensor: BaseTensor, storage: Storage): number {
  const { type, shape, bytes } = tensor
  const count = shape.reduce((product, size) => product * size, 1)
  // Norms and biases are brought to float32.
  if (shape.length === 1) return 4 * count
  return storage === 'nf4'
    ? nf4Bytes(typeInMemory(tensor, storage), type, count, bytes)
    : storageBytes(type, count, bytes, storage)
}

export const isProjection = (name: string) => projections.some((projection) => name.endsWith(`.${projection}.weight`))
const floats: readonly TensorType[] = ['F32', 'F16', 'BF16']

function typeInMemory({ name, type }: BaseTensor, storage: Storage): TensorType {
  if (storage === 'nf4') return isProjection(name) && floats.includes(type) ? 'NF4' : type
  return storage === 'packed' || type === 'F32' ? type : storage === 'float32' ? 'F32' : 'BF16'
}

/** Projections become NF4; what else there is stays as it is. */
function nf4Bytes(become: TensorType, type: TensorType, count: number, bytes: number): number {
  return become === type ? storageBytes(type, count, bytes, 'packed') : storageBytes('NF4', count, bytes, 'packed')
}

/** Refuses a base whose projections cannot be quantised to NF4 as it is opened. */
export function requireQuantisable({ model }: Base): void {
  for (const { name, type, shape, file } of model?.tensors.values() ?? []) {
    if (!isProjection(name)) continue
    if (!floats.includes(type))
      throw usageError('CONFIG_CONTRADICTION', `The base is quantised already: ${name} is stored as ${type}.`, {
        where: { file, field: 'quantization' },
        actions: ['Remove "quantization": a quantised base is trained on as it lies in its file.'],
      })
    if (shape[1]! % tensorTypes.NF4.blockSize !== 0)
      throw usageError('MODEL_UNSUPPORTED', `NF4 needs rows of whole blocks of 64; ${name} has rows of ${shape[1]}.`, {
        where: { file, field: 'quantization' },
        actions: ['Remove "quantization", or quantise the base to Q8_0 or Q4_0: qt quantize.'],
      })
  }
}

function storageBytes(type: TensorType, count: number, bytes: number, storage: Exclude<Storage, 'nf4'>): number {
  if (storage !== 'packed' && type !== 'F32') return count * (storage === 'float32' ? 4 : 2)
  const { blockSize, blockBytes } = tensorTypes[type]
  // Numbers and scales of NF4 lie apart in the file and are brought together.
  return type === 'NF4' ? (count / blockSize) * blockBytes : bytes
}

/** Where the engine finds each tensor. */
export function tensorSources(model: Model): TensorSource[] {
  return [...model.tensors].map(([name, { file, offset, bytes, type, shape, nf4 }]) => ({
    name,
    file,
    offset,
    bytes,
    type: tensorTypes[type].id,
    rows: shape.length > 1 ? shape[0]! : 1,
    columns: shape.at(-1)!,
    nf4,
  }))
}
