import { QtError, usageError } from '@qt/core'
import { maxVocabulary } from '../vocabulary.js'

/** What every kind of training is told. */
export interface TrainOptions {
  /** Tokens in all, special ones among them. */
  readonly vocabularySize: number
  /** They get the first ids, in this order. */
  readonly specialTokens?: readonly string[]
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainProgress) => void
}

export interface TrainProgress {
  readonly phase: 'count' | 'merge'
  /** Texts counted, or tokens in the vocabulary. */
  readonly done: number
  /** Tokens asked for; unknown while texts are counted. */
  readonly total: number | undefined
}

/** How long work goes on before others get a turn. */
const turnMs = 50

/** Lets timers and I/O run now and then, reports progress and stops on abort. */
export function breather({ signal, onProgress }: Pick<TrainOptions, 'signal' | 'onProgress'>) {
  let last = performance.now()
  return async (progress: TrainProgress): Promise<void> => {
    if (performance.now() - last < turnMs) return
    onProgress?.(progress)
    await new Promise((resolve) => setTimeout(resolve))
    stopIfAborted(signal)
    last = performance.now()
  }
}

export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new QtError({
    code: 'INTERRUPTED',
    message: 'Training of the tokenizer was stopped.',
    kind: 'interrupted',
    cause: signal.reason,
  })
}

/** Checks the size of a vocabulary that needs at least some tokens besides the special ones. */
export function checkTraining({ vocabularySize, specialTokens = [] }: TrainOptions, own: number, what: string): void {
  const least = own + new Set(specialTokens).size
  if (!Number.isInteger(vocabularySize) || vocabularySize < least || vocabularySize > maxVocabulary)
    throw usageError(
      'VOCABULARY_SIZE',
      `vocabularySize is ${vocabularySize}; it has to be a whole number from ${least} to ${maxVocabulary}.`,
      {
        where: { field: 'vocabularySize' },
        actions: [`Ask for at least ${least}: ${own} ${what} and ${least - own} special tokens; 8000 to 50000 is usual.`],
      },
    )
  if (specialTokens.includes(''))
    throw usageError('SPECIAL_TOKEN_EMPTY', 'A special token is empty.', {
      where: { field: 'specialTokens' },
      actions: ['Remove the empty text from specialTokens.'],
    })
}

export function checkMinFrequency(minFrequency: number): void {
  if (Number.isInteger(minFrequency) && minFrequency >= 0) return
  throw usageError('MIN_FREQUENCY', `minFrequency is ${minFrequency}; it has to be a whole number from 0 on.`, {
    where: { field: 'minFrequency' },
    actions: ['Use 2 to leave out what occurs only once.'],
  })
}
