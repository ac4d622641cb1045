import type { FloatType } from '../blocks/encode.js'
import type { MetadataValue } from '../gguf/metadata.js'
import { type GgufTensor, writeGguf } from '../gguf/write.js'
import type { Model } from '../model/model.js'
import { ropeDivisors } from '../model/rope.js'
import { vocabularyMetadata } from '../vocabulary/to-gguf.js'
import { fileTypes, metadataFromSpec, requireOutput, u32 } from './metadata-from-spec.js'
import type { OutgoingTensor } from './write-model.js'

export interface WriteJob {
  readonly model: Model
  readonly output: string
  readonly type: FloatType
  readonly tensors: readonly OutgoingTensor[]
  readonly onTensor: (tensor: string) => void
  readonly signal: AbortSignal | undefined
}

export async function writeGgufModel({ model, output, type, tensors, onTensor, signal }: WriteJob): Promise<void> {
  requireOutput(model.description)
  const metadata = model.metadata ? copiedMetadata(model.metadata, type) : await metadataOf(model, type)
  await writeGguf(output, { metadata, tensors: [...ropeTensors(model), ...tensors] }, { onTensor, signal })
}

/** A GGUF's own metadata with the new file type; what was in parts becomes whole. */
function copiedMetadata(metadata: ReadonlyMap<string, MetadataValue>, type: FloatType): Map<string, MetadataValue> {
  const copy = new Map([...metadata].filter(([key]) => !key.startsWith('split.')))
  copy.set('general.file_type', u32(fileTypes[type]))
  return copy
}

async function metadataOf(model: Model, type: FloatType): Promise<Map<string, MetadataValue>> {
  const metadata = metadataFromSpec(model.description, model.name, type)
  if (model.tokenizerFile !== undefined)
    for (const [key, value] of await vocabularyMetadata(model.tokenizerFile, model.spec.vocabularySize)) metadata.set(key, value)
  return metadata
}

/** llama3 and LongRoPE scaling are stored as the divisors of each rotary frequency. */
function ropeTensors({ description, spec }: Model): GgufTensor[] {
  const { ropeScaling, ropeTheta } = description
  const tensor = (name: string, divisors: readonly number[]): GgufTensor => {
    const values = Float32Array.from(divisors)
    return { name, type: 'F32', shape: [values.length], data: new Uint8Array(values.buffer) }
  }
  switch (ropeScaling.kind) {
    case 'llama3':
    case 'divisors':
      return [tensor('rope_freqs.weight', ropeDivisors(ropeTheta, spec.rope.dimensions, ropeScaling))]
    case 'longrope':
      return [tensor('rope_factors_long.weight', ropeScaling.long), tensor('rope_factors_short.weight', ropeScaling.short)]
    default:
      return []
  }
}
