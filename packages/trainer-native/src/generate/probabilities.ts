import { type GeneratedToken, logSumExp, type TokenProbability } from '@qt/core'

/** What logits say of the token that will be chosen, and of the likeliest `count` tokens. */
export function probabilities(logits: Float32Array, count: number): (id: number) => GeneratedToken {
  const total = logSumExp(logits)
  const all = logits.slice()
  const alternatives: TokenProbability[] = likeliest(logits, count).map((id) => ({ id, logProbability: all[id]! - total }))
  return (id) => ({ id, logProbability: all[id]! - total, alternatives })
}

/** Ids by falling logit; of equals the smaller id first. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = []
  for (let id = 0; id < logits.length && count > 0; id++) {
    if (best.length === count && logits[id]! <= logits[best.at(-1)!]!) continue
    let at = best.length
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--
    best.splice(at, 0, id)
    if (best.length > count) best.pop()
  }
  return best
}
