import { rowBytes, type TensorInfo, type TensorType } from '@qt/core'
import { type Gguf, type GgufLayout, layoutGguf, type Metadata, type MetadataValue } from '@qt/weights'
import { fileTypes, quantizationVersion } from './file-type.js'
import { typeOf } from './select.js'

export interface QuantizedTensor {
  readonly name: string
  readonly from: TensorType
  readonly to: TensorType
  readonly bytes: number
}

/** What a quantisation will do, known before it begins. */
export interface QuantizePlan {
  readonly type: TensorType
  readonly tensors: readonly QuantizedTensor[]
  /** Of all tensor data, before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Of the whole file that will be written. */
  readonly fileBytes: number
}

/** A plan and where its tensors will lie. */
export interface PlacedPlan extends QuantizePlan {
  readonly layout: GgufLayout
}

/** Every matrix of one type. */
export function planOfType(source: Gguf, type: TensorType): PlacedPlan {
  const infos = [...source.tensors.values()]
  const tensors = infos.map((tensor) => planTensor(tensor, type))
  const sum = (sizes: readonly { bytes: number }[]) => sizes.reduce((total, { bytes }) => total + bytes, 0)
  const shaped = tensors.map(({ name, to }) => ({ name, type: to, shape: source.tensors.get(name)!.shape }))
  const layout = layoutGguf(metadataOf(source, type), shaped)
  return { type, tensors, bytesBefore: sum(infos), bytesAfter: sum(tensors), fileBytes: layout.size, layout }
}

/** The metadata of the result. */
export function metadataOf(source: Gguf, type: TensorType): Metadata {
  const metadata = new Map<string, MetadataValue>(source.metadata)
  metadata.set('general.quantization_version', { type: 'UINT32', value: quantizationVersion })
  metadata.set('general.file_type', { type: 'UINT32', value: fileTypes[type]! })
  return metadata
}

function planTensor(tensor: TensorInfo, type: TensorType): QuantizedTensor {
  const { name, type: from, shape, bytes } = tensor
  const to = typeOf(tensor, type)
  if (from === to) return { name, from, to, bytes }
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  return { name, from, to, bytes: rows * rowBytes(to, shape.at(-1)!)! }
}
