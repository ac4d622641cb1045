import {
  type GenerateOptions,
  type Generation,
  type LanguageModel,
  type ModelSpec,
  type Prompt,
  type Scoring,
  type Tokenizer,
  usageError,
} from '@qt/core'
import { encodeChat } from '@qt/data'
import type { NativeSession } from '../binding.js'
import { guide } from '../constrain/constraint.js'
import type { Lane, Lanes } from './lanes.js'
import { sampler } from './sampler.js'
import type { Scheduler } from './scheduler.js'
import { scoring } from './scoring.js'
import { stopStrings } from './stop-strings.js'

export interface NativeModel extends LanguageModel {
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  readonly scoring: Scoring
  /** The ids that a prompt becomes. */
  encode(prompt: Prompt, options?: Pick<GenerateOptions, 'tools'>): Uint32Array
  /**
   * The same weights under other adapters (PEFT folders; none for the bare model). Nothing is merged or loaded twice: requests to
   * both go through the same passes. Closing either closes both.
   */
  withAdapters(paths: readonly string[]): Promise<NativeModel>
  [Symbol.asyncDispose](): Promise<void>
}

/** What the views of one loaded model share. */
export interface Shared {
  readonly name: string
  readonly spec: ModelSpec
  readonly session: NativeSession
  readonly scheduler: Scheduler
  readonly lanes: Lanes
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  /** Multiply float32 throughout, in answers and in scores. */
  readonly exact: { readonly answers: boolean; readonly scores: boolean }
  /** Reads adapters and hands them to the session. */
  adapters(paths: readonly string[]): Promise<number>
}

/** Tokens of a prompt in one pass, so that those who wait for single tokens come in between. */
const promptChunk = 512

export function nativeModel(shared: Shared, adapters: number): NativeModel {
  const { name, spec, session, scheduler, lanes, tokenizer, contextLength, exact } = shared

  /** Reads what the lane has not read of a prompt; logits of its last token. */
  async function readPrompt(lane: Lane, ids: Uint32Array, signal?: AbortSignal): Promise<Float32Array> {
    for (;;) {
      const first = lane.read.length
      const part = Int32Array.from(ids.subarray(first, first + promptChunk))
      const wanted = first + part.length === ids.length ? 1 : 0
      const logits = await scheduler.alone(() => session.append(lane.cache, lane.adapters, part, wanted, exact.answers), signal)
      lane.read.push(...part)
      if (wanted) return logits
    }
  }

  const encode: NativeModel['encode'] = (prompt, { tools } = {}) =>
    typeof prompt === 'string'
      ? tokenizer.encode(prompt, { special: true })
      : encodeChat(prompt, tokenizer, { addGenerationPrompt: true, ...(tools ? { tools } : {}) })

  function requireRoom(length: number): void {
    if (length === 0)
      throw usageError('PROMPT_EMPTY', 'The prompt is empty.', { actions: ['Give at least one token to start from.'] })
    if (length >= contextLength)
      throw usageError('PROMPT_TOO_LONG', `The prompt has ${length} tokens, the context holds ${contextLength}.`, {
        actions: [
          'Shorten the prompt.',
          ...(contextLength < spec.contextLength ? [`Load with a contextLength of up to ${spec.contextLength}.`] : []),
        ],
      })
  }

  interface Outcome {
    tokens: number
    why: Generation['why']
  }

  async function* pieces(prompt: Prompt, options: GenerateOptions, outcome: Outcome): AsyncGenerator<string, void, void> {
    const { maxTokens = 256, signal, stop = [], constraint } = options
    const ids = encode(prompt, options)
    requireRoom(ids.length)
    const held = constraint && guide(constraint, tokenizer)
    const choose = sampler(options, held)
    const lane = await lanes.take(ids, adapters, signal)
    const leave = scheduler.enter()
    try {
      const text = tokenizer.stream()
      const stops = stopStrings(stop)
      let logits = await readPrompt(lane, ids, signal)
      while (outcome.tokens < maxTokens && lane.read.length < contextLength) {
        const id = choose.next(logits, outcome.tokens, lane.read)
        if (tokenizer.endIds.has(id)) {
          outcome.why = 'end'
          break
        }
        outcome.tokens++
        held?.accept(id)
        const shown = stops.push(text.push(id))
        if (shown.text !== '') yield shown.text
        if (shown.stopped) {
          outcome.why = 'stop'
          return
        }
        if (held?.finished) {
          outcome.why = 'end'
          break
        }
        if (outcome.tokens < maxTokens && lane.read.length < contextLength) {
          signal?.throwIfAborted()
          logits = await scheduler.next(lane.cache, lane.adapters, id, signal)
          lane.read.push(id)
        }
      }
      const rest = stops.push(text.end())
      const last = rest.text + (rest.stopped ? '' : stops.end())
      if (last !== '') yield last
    } finally {
      leave()
      lanes.give(lane)
    }
  }

  return {
    name,
    spec,
    tokenizer,
    contextLength,
    scoring: scoring({
      session,
      scheduler,
      adapters,
      vocabularySize: spec.vocabularySize,
      exact: exact.scores,
      requireRoom,
    }),
    encode,
    async withAdapters(paths) {
      if (scheduler.closed) throw scheduler.wasClosed()
      return nativeModel(shared, await shared.adapters(paths))
    },
    async generate(prompt, options = {}) {
      const outcome: Outcome = { tokens: 0, why: 'length' }
      let text = ''
      for await (const piece of pieces(prompt, options, outcome)) text += piece
      return { text, ...outcome }
    },
    stream: (prompt, options = {}) => pieces(prompt, options, { tokens: 0, why: 'length' }),
    close: scheduler.close,
    [Symbol.asyncDispose]: scheduler.close,
  }
}
