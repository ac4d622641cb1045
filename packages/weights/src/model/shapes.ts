import type { ModelSpec } from '@qt/core'
import type { Architecture, Size, TensorEntry } from '../architectures/architecture.js'

/** A tensor that a model of a spec has: its names in both worlds and its shape. */
export interface ExpectedTensor {
  /** Canonical: `blk.3.attn_q.weight`. */
  readonly name: string
  /** `model.layers.3.self_attn.q_proj.weight`. */
  readonly huggingFace: string
  readonly shape: readonly number[]
  readonly entry: TensorEntry
  /** The tensors that lie in this one, their rows one after the other. */
  readonly parts?: readonly ExpectedTensor[]
}

const sizes: Readonly<Record<Size, (spec: ModelSpec) => number>> = {
  vocabulary: (spec) => spec.vocabularySize,
  model: (spec) => spec.dModel,
  attention: (spec) => spec.heads * spec.headDim,
  keys: (spec) => spec.kvHeads * spec.headDim,
  ffn: (spec) => spec.ffn,
  headDim: (spec) => spec.headDim,
  queriesKeysValues: (spec) => (spec.heads + 2 * spec.kvHeads) * spec.headDim,
  gateAndUp: (spec) => 2 * spec.ffn,
}

/** Every tensor of a model, in the order in which files are written. */
export function expectedTensors(architecture: Architecture, spec: ModelSpec): ExpectedTensor[] {
  const expected = (entry: TensorEntry, name: string, huggingFace: string): ExpectedTensor => ({
    name,
    huggingFace,
    entry,
    shape: entry.shape.map((size) => sizes[size](spec)),
    ...(entry.parts && {
      parts: entry.parts.map((part) =>
        expected(part, name.replace(entry.name, part.name), huggingFace.replace(entry.huggingFace, part.huggingFace)),
      ),
    }),
  })
  const outer = architecture.tensors
    .filter((entry) => !(entry.tied && spec.tiedEmbeddings))
    .map((entry) => expected(entry, entry.name, entry.huggingFace))
  const blocks = Array.from({ length: spec.layers }, (_, layer) =>
    architecture.blockTensors.map((entry) =>
      expected(entry, `blk.${layer}.${entry.name}`, `model.layers.${layer}.${entry.huggingFace}`),
    ),
  )
  return [...outer, ...blocks.flat()]
}
