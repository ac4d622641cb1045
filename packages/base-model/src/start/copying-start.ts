import { philox } from '@qt/core'
import { nearbyHead, previousTokenHead, repetitionHead, selfHead } from './heads.js'
import { type Matrix, matrix } from './matrix.js'

export interface StartShape {
  readonly layers: number
  readonly dModel: number
  readonly heads: number
  readonly ffn: number
  readonly vocab: number
  readonly ropeTheta: number
}

/**
 * The weights that the base model is trained from, under their Hugging Face names: random ones, but for two pairs of heads that
 * copy. The first layer's note for every token what came before it, the second layer's look for where the present token was
 * followed before and put forward what followed (induction heads: Olsson et al. 2022, arXiv 2209.11895). Found by training alone
 * they take tens of millions of tokens; given at the start (as mimetic initialisation gives other patterns, Trockman and Kolter
 * 2023, arXiv 2305.09828) names, things and numbers are copied after a few hundred steps. All of it is trained on like any weight.
 *
 * `twins` names the tokens that are others after a space; they start alike, so that either is copied as the other.
 *
 * The first half of the hidden dimensions holds what a token is (dimension 0 the same for all), the second half what came before it.
 */
export function copyingStart(
  { layers, dModel, heads, ffn, vocab, ropeTheta }: StartShape,
  seed: number,
  twins: ReadonlyMap<number, number> = new Map(),
): Map<string, Matrix> {
  const half = dModel / 2
  const headSize = dModel / heads
  const tensors = new Map<string, Matrix>()
  let stream = 0
  const add = (name: string, rows: number, columns: number, deviation: number): Matrix => {
    const made = matrix(rows, columns, normals(seed, stream++, deviation))
    tensors.set(name, made)
    return made
  }
  const ones = (name: string) => tensors.set(name, { rows: 1, columns: dModel, values: new Float32Array(dModel).fill(1) })

  const embedding = add('model.embed_tokens.weight', vocab, dModel, identity)
  for (let token = 0; token < vocab; token++) {
    const row = embedding.values.subarray(token * dModel, (token + 1) * dModel)
    row[0] = constant
    row.fill(0, half)
  }
  for (const [spaced, plain] of twins) {
    embedding.values.copyWithin(spaced * dModel, plain * dModel, (plain + 1) * dModel)
    embedding.values[spaced * dModel + half] = afterSpace
  }
  const copying = Math.ceil((half - 1) / headSize)
  const usual = 1 / Math.sqrt(dModel)
  for (let layer = 0; layer < layers; layer++) {
    const [attention, mlp] = [`model.layers.${layer}.self_attn`, `model.layers.${layer}.mlp`]
    const parts = {
      q: add(`${attention}.q_proj.weight`, dModel, dModel, usual),
      k: add(`${attention}.k_proj.weight`, dModel, dModel, usual),
      v: add(`${attention}.v_proj.weight`, dModel, dModel, usual),
      o: add(`${attention}.o_proj.weight`, dModel, dModel, quiet),
    }
    add(`${mlp}.gate_proj.weight`, ffn, dModel, usual)
    add(`${mlp}.up_proj.weight`, ffn, dModel, usual)
    add(`${mlp}.down_proj.weight`, dModel, ffn, 2 * quiet)
    ones(`model.layers.${layer}.input_layernorm.weight`)
    ones(`model.layers.${layer}.post_attention_layernorm.weight`)
    // So many heads that their dimensions together hold a whole token.
    for (let head = 0; head < copying; head++) {
      if (layer === 0)
        previousTokenHead(parts, { head, headSize, half, ropeTheta, identity, constant: normalisedConstant(dModel) })
      if (layer === 1) repetitionHead(parts, { head, headSize, half, ropeTheta })
      if (layer === layers - 1 && layer > 1)
        selfHead(parts, { head, headSize, half, ropeTheta, identity: identity / 2, constant: normalisedConstant(dModel) })
    }
    const busy = layer < 2 || layer === layers - 1 ? copying : 0
    for (const [index, reach] of (reaches[layer] ?? []).entries())
      if (busy + index < heads)
        nearbyHead(parts, { head: busy + index, headSize, ropeTheta, constant: normalisedConstant(dModel), reach })
  }
  ones('model.norm.weight')
  return tensors
}

/** Deviation of what random weights add to the stream: little, or the heads that copy drown in it. */
const quiet = 0.001

/** How far the other heads of each layer look at first, in tokens. */
const reaches: readonly (readonly number[])[] = [[5, 12], [12, 24], [16, 32], [24]]

/** What tells a token after a space from the same without one, in the first dimension of the second half, which notes leave free. */
const afterSpace = 0.3

/** Deviation of what tells tokens apart, and the value that all have in dimension 0. */
const identity = 0.09
const constant = 0.5

/** What dimension 0 is after the first norm. */
const normalisedConstant = (dModel: number): number =>
  constant / Math.sqrt((constant ** 2 + (dModel / 2 - 1) * identity ** 2) / dModel)

/** Normal numbers of one tensor, by Box and Muller; four at a time, as many as the generator gives words. */
function normals(seed: number, stream: number, deviation: number): (index: number) => number {
  const four = [0, 0, 0, 0]
  return (index) => {
    if (index % 4 === 0) {
      const words = philox([index / 4, stream, 0, 0], [seed, 0])
      for (const pair of [0, 2] as const) {
        const radius = deviation * Math.sqrt(-2 * Math.log((words[pair] + 1) / 2 ** 32))
        const angle = (2 * Math.PI * words[pair + 1]!) / 2 ** 32
        four[pair] = radius * Math.cos(angle)
        four[pair + 1] = radius * Math.sin(angle)
      }
    }
    return four[index % 4]!
  }
}
