import { type LanguageModel, QtError, usageError } from '@qt/core'
import { summariseCode } from './summary.js'
import type { CodeStyle, CodeTask } from './task.js'

export interface SamplingOptions {
  /** Answers to each problem; default 1. */
  readonly samples?: number
  /** Default: 0 for one sample, 0.8 for several. */
  readonly temperature?: number
  /** The k of pass@k; default: 1, and 10 and 100 as far as there are samples. */
  readonly k?: readonly number[]
}

/** How often each problem is asked, checked: what cannot be estimated is an error now, not after hours. */
export function samplingOf({ samples = 1, temperature = samples === 1 ? 0 : 0.8, k }: SamplingOptions) {
  if (!Number.isInteger(samples) || samples < 1)
    throw usageError('EVAL_SAMPLES', `${samples} samples are not possible.`, { actions: ['Give a whole number from 1 on.'] })
  const ks = (k ?? [1, 10, 100]).filter((one) => k !== undefined || one <= samples)
  summariseCode([], ks, samples)
  return { samples, temperature, ks }
}

/** What a model wrote: the code in it, or that the problem is longer than its context, so that it cannot solve it. */
export type WrittenAnswer =
  | { readonly candidate: string; readonly answer: string; readonly cut: boolean; readonly tokens: number }
  | { readonly tooLong: string }

interface AskSettings {
  readonly maxTokens: number
  readonly temperature: number
  readonly seed: number
  readonly signal?: AbortSignal
}

/** Asks for one solution; anything but a problem that is too long stops the evaluation. */
export async function askForCode(
  model: LanguageModel,
  task: CodeTask,
  style: CodeStyle,
  { maxTokens, temperature, seed, signal }: AskSettings,
): Promise<WrittenAnswer> {
  const { prompt, stop } = task.ask(style)
  try {
    // Always in this order: caches go by it.
    const settings = { maxTokens, temperature, stop, seed, ...(signal ? { signal } : {}) }
    const { text, why, tokens } = await model.generate(prompt, settings)
    return { candidate: task.candidate(text, style), answer: text, cut: why === 'length', tokens }
  } catch (error) {
    if (QtError.isInstance(error) && error.code === 'PROMPT_TOO_LONG') return { tooLong: error.message }
    throw error
  }
}
