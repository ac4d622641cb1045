import { type TensorType, usageError } from '@qt/core'
import {
  type Gguf,
  type GgufLayout,
  layoutGguf,
  type Metadata,
  type MetadataValue,
  type OwnFormat,
  ownFormat,
  ownFormatKeys,
  ownFormatMetadata,
  storedRowBytes,
} from '@qt/weights'
import { importanceWeights, selectImportance } from './importance/importance.js'
import { factsOf } from './mixture/facts.js'
import { type FileType, fileTypes, quantizationVersion } from './mixture/file-types.js'
import { mixture } from './mixture/mixture.js'
import type { PlanOptions } from './plan-options.js'
import { type NamedTensor, prune } from './prune.js'
import { refuseImportance, requiresImportance } from './requires-importance.js'

export interface QuantizedTensor {
  readonly name: string
  readonly from: TensorType
  readonly to: TensorType
  readonly bytes: number
}

/** What a quantisation will do, known before it begins. */
export interface QuantizePlan {
  /** The file type; that of most tensors when they were chosen one by one. */
  readonly type: FileType
  readonly tensors: readonly QuantizedTensor[]
  /** Of all tensor data, before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Of the whole file that will be written, or of all its parts. */
  readonly fileBytes: number
}

/** A tensor, where it comes from and what its errors weigh. */
export interface PlannedTensor extends QuantizedTensor {
  readonly source: NamedTensor
  /** One weight a column, matrix after matrix. */
  readonly importance: Float32Array | undefined
}

/** One file that will be written, and where its tensors will lie. */
export interface PlannedFile {
  readonly metadata: Metadata
  readonly tensors: readonly PlannedTensor[]
  readonly layout: GgufLayout
}

export interface PlacedPlan extends QuantizePlan {
  /** One, or as many as the source has when it stays split. */
  readonly files: readonly PlannedFile[]
}

export function buildPlan(source: Gguf, file: string, fileType: FileType, options: PlanOptions): PlacedPlan {
  const pruned = prune([...source.tensors.values()], source.metadata, options.pruneLayers ?? [])
  const importance = options.importance && selectImportance(options.importance, options.includeWeights, options.excludeWeights)
  const chosen =
    options.types ??
    // By the layers that the source has, also when some are left out: so llama.cpp does it.
    mixture(fileType, pruned.tensors, factsOf(source.metadata), { ...options, importance: importance !== undefined })
  const format = ownFormat(source.metadata) ?? options.method
  const tensors = pruned.tensors.map((tensor): PlannedTensor => {
    const { name, type: from, shape, bytes } = tensor
    const to = chosen.get(name) ?? from
    const row = storedRowBytes(to, shape.at(-1) ?? 1, format)
    if (row === undefined)
      throw usageError('QUANT_ROW', `Rows of ${shape.at(-1)} columns of ${name} do not divide into blocks of ${to}.`, {
        where: { file, field: name },
        actions: ['Choose another type for this tensor.'],
      })
    const entry = from === to ? undefined : importance?.entries.get(tensor.source)
    const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
    const planned = { name, from, to, bytes: from === to ? bytes : rows * row, source: tensor }
    if (entry === undefined) {
      if (from !== to && requiresImportance(name, to, fileType)) throw refuseImportance(name, to, file)
      return { ...planned, importance: undefined }
    }
    const weights = importanceWeights(entry)
    const matrices = shape.slice(0, -2).reduce((product, size) => product * size, 1)
    if (weights.length === matrices * shape.at(-1)!) return { ...planned, importance: weights }
    // llama.cpp counts the inputs of the embedding otherwise.
    if (name === 'token_embd.weight') return { ...planned, importance: undefined }
    throw usageError(
      'QUANT_IMPORTANCE',
      `The importance of ${name} has ${weights.length} weights where ${matrices * shape.at(-1)!} are needed.`,
      {
        where: { file, field: name },
        actions: ['Use the importance matrix of this very model.'],
      },
    )
  })
  const own = tensors.some(({ to }) => to === 'OWN') ? format : undefined
  const metadata = metadataOf(pruned.metadata, fileType, own, options.metadata)
  const files = partsOf(source, tensors, metadata, options.keepSplit ?? false)
  const sum = (sizes: readonly { bytes: number }[]) => sizes.reduce((total, { bytes }) => total + bytes, 0)
  return {
    type: fileType,
    tensors: tensors.map(({ name, from, to, bytes }) => ({ name, from, to, bytes })),
    bytesBefore: sum([...source.tensors.values()]),
    bytesAfter: sum(tensors),
    fileBytes: files.reduce((total, { layout }) => total + layout.size, 0),
    files,
  }
}

/** What says that a file is a part of several. */
export const splitKeys = ['split.no', 'split.count', 'split.tensors.count']

/** The metadata of the result. */
function metadataOf(source: Metadata, fileType: FileType, own: OwnFormat | undefined, overrides: Metadata = new Map()): Metadata {
  const dropped = [...splitKeys, ...ownFormatKeys]
  const metadata = new Map<string, MetadataValue>([...source].filter(([key]) => !dropped.includes(key)))
  for (const [key, value] of own ? ownFormatMetadata(own) : []) metadata.set(key, value)
  metadata.set('general.quantization_version', { type: 'UINT32', value: quantizationVersion })
  metadata.set('general.file_type', { type: 'UINT32', value: fileTypes[fileType].id })
  for (const [key, value] of overrides) metadata.set(key, value)
  return metadata
}

function partsOf(source: Gguf, tensors: readonly PlannedTensor[], metadata: Metadata, keepSplit: boolean): PlannedFile[] {
  const inputs = [...new Set([...source.tensors.values()].map(({ file }) => file))]
  if (!keepSplit || inputs.length < 2) return [place(metadata, tensors)]
  return inputs.map((input, i) => {
    const part = new Map<string, MetadataValue>(i === 0 ? metadata : [])
    part.set('split.no', { type: 'UINT16', value: i })
    part.set('split.count', { type: 'UINT16', value: inputs.length })
    part.set('split.tensors.count', { type: 'INT32', value: tensors.length })
    return place(
      part,
      tensors.filter(({ source: { file } }) => file === input),
    )
  })
}

function place(metadata: Metadata, tensors: readonly PlannedTensor[]): PlannedFile {
  const shaped = tensors.map(({ name, to, source: { shape } }) => ({ name, type: to, shape }))
  return { metadata, tensors, layout: layoutGguf(metadata, shaped) }
}
