import { type Continuation, type Scoring, usageError } from '@qt/core'
import { finite } from '../finite.js'
import { encodePair } from './encode-pair.js'
import { defaultLength, type ScoringModel } from './model.js'

export interface Likelihood {
  /** Σ log p of the continuation's tokens. */
  readonly logLikelihood: number
  /** Every token is the likeliest one there. Undefined when it was not asked for. */
  readonly greedy: boolean | undefined
  readonly tokens: number
}

/**
 * How likely each continuation of a context is. Where context and continuation are longer than the model takes in, the beginning is
 * left out, as lm-evaluation-harness does.
 *
 * @example
 * ```ts
 * const [yes, no] = await likelihoods(model, 'Is water wet? Answer:', [' yes', ' no'])
 * yes.logLikelihood > no.logLikelihood
 * ```
 */
export async function likelihoods(
  model: ScoringModel,
  context: string,
  continuations: readonly string[],
  options: { readonly greedy?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<Likelihood[]> {
  const most = model.contextLength ?? defaultLength + 1
  const pairs = continuations.map((continuation) => {
    const pair = encodePair(model.tokenizer, context, continuation)
    if (pair.continuation.length === 0)
      throw usageError('EVAL_TEXT_TOO_SHORT', `The continuation ${JSON.stringify(continuation)} has no token of its own.`, {
        actions: ['Let choices and answers be texts that are not empty.'],
      })
    const drop = Math.max(0, pair.context.length + pair.continuation.length - most)
    // One token of context is always left, so that the first token of the continuation has a probability.
    return { ...pair, context: pair.context.subarray(Math.min(drop, pair.context.length - 1)) }
  })
  const results: Likelihood[] = []
  // What shares a context is scored together: it is read once.
  for (let from = 0; from < pairs.length; ) {
    let to = from + 1
    while (to < pairs.length && same(pairs[to]!.context, pairs[from]!.context)) to++
    const group = pairs.slice(from, to).map(({ continuation }) => continuation)
    for (const { logs, greedy } of await score(model.scoring, pairs[from]!.context, group, options)) {
      let logLikelihood = 0
      for (const log of logs) logLikelihood += finite(log, 'a continuation')
      results.push({ logLikelihood, greedy, tokens: logs.length })
    }
    from = to
  }
  return results
}

type Scored = Omit<Continuation, 'greedy'> & { readonly greedy: boolean | undefined }

async function score(
  scoring: Scoring,
  context: Uint32Array,
  continuations: readonly Uint32Array[],
  { greedy = false, signal }: { readonly greedy?: boolean; readonly signal?: AbortSignal | undefined },
): Promise<readonly Scored[]> {
  if (scoring.continuations) return scoring.continuations(context, continuations, { signal })
  const scored: Scored[] = []
  for (const continuation of continuations) {
    signal?.throwIfAborted()
    const ids = new Uint32Array(context.length + continuation.length)
    ids.set(context)
    ids.set(continuation, context.length)
    const logs = (await scoring.score(ids, { signal })).subarray(context.length)
    scored.push({ logs, greedy: greedy ? await isGreedy(scoring, ids, context.length, signal) : undefined })
  }
  return scored
}

/** Whether each id from `first` on is the likeliest after what precedes it. */
async function isGreedy(scoring: Scoring, ids: Uint32Array, first: number, signal: AbortSignal | undefined): Promise<boolean> {
  const { vocabularySize } = scoring
  const rows = await scoring.distributions(ids.subarray(0, -1), { signal })
  for (let i = first; i < ids.length; i++) {
    const row = rows.subarray((i - 1) * vocabularySize, i * vocabularySize)
    const log = row[ids[i]!]!
    for (let id = 0; id < row.length; id++) if (row[id]! > log || (row[id] === log && id < ids[i]!)) return false
  }
  return true
}

const same = (a: Uint32Array, b: Uint32Array): boolean => a.length === b.length && a.every((id, i) => id === b[i])
