import {
  type Embedder,
  type GenerateOptions,
  type Generation,
  type LanguageModel,
  type ModelSpec,
  type Prompt,
  type Scoring,
  type Statistics,
  type Tokenizer,
  usageError,
} from '@qt/core'
import { encodeChat } from '@qt/data'
import type { ModelDescription } from '@qt/weights'
import type { NativeSession } from '../binding.js'
import { guide } from '../constrain/constraint.js'
import { embedder } from './embedder.js'
import type { Lane, Lanes } from './lanes.js'
import { probabilities } from './probabilities.js'
import { sampler } from './sampler.js'
import type { Scheduler } from './scheduler.js'
import { scoring } from './scoring.js'
import { statistics } from './statistics.js'
import { stopStrings } from './stop-strings.js'

export interface NativeModel extends LanguageModel {
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  readonly scoring: Scoring
  readonly embedder: Embedder
  readonly statistics: Statistics
  /** The pieces of the answer; the generator returns the whole, and why it ended. */
  stream(prompt: Prompt, options?: GenerateOptions): AsyncGenerator<string, Generation, void>
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
  readonly description: ModelDescription
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
  const { name, description, session, scheduler, lanes, tokenizer, contextLength, exact } = shared
  const { spec } = description

  /** Reads what the lane has not read of a prompt; logits of its last token. */
  async function readPrompt(lane: Lane, ids: Uint32Array, signal?: AbortSignal): Promise<Float32Array> {
    for (;;) {
      const first = lane.read.length
      const part = Int32Array.from(ids.subarray(first, first + promptChunk))
      const wanted = first + part.length === ids.length ? 1 : 0
      const logits = await scheduler.alone(
        { cache: lane.cache, tokens: part.length },
        () => session.append(lane.cache, lane.adapters, part, wanted, exact.answers),
        signal,
      )
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

  async function* pieces(prompt: Prompt, options: GenerateOptions): AsyncGenerator<string, Generation, void> {
    const { maxTokens = 256, signal, stop = [], constraint, onToken, alternatives = 0 } = options
    const ids = encode(prompt, options)
    let answer = ''
    let tokens = 0
    const done = (why: Generation['why']): Generation => ({ text: answer, tokens, promptTokens: ids.length, why })
    const said = (text: string): string => {
      answer += text
      return text
    }
    requireRoom(ids.length)
    const held = constraint && guide(constraint, tokenizer)
    const choose = sampler(options, held)
    const lane = await lanes.take(ids, adapters, signal)
    const leave = scheduler.enter()
    try {
      const text = tokenizer.stream()
      const stops = stopStrings(stop)
      let logits = await readPrompt(lane, ids, signal)
      let why: Generation['why'] = 'length'
      while (tokens < maxTokens && lane.read.length < contextLength) {
        // Before choosing, which changes the logits.
        const likely = onToken && probabilities(logits, alternatives)
        const id = choose.next(logits, tokens, lane.read)
        if (tokenizer.endIds.has(id)) {
          why = 'end'
          break
        }
        tokens++
        if (likely) onToken?.(likely(id))
        held?.accept(id)
        const shown = stops.push(text.push(id))
        if (shown.text !== '') yield said(shown.text)
        if (shown.stopped) return done('stop')
        if (held?.finished) {
          why = 'end'
          break
        }
        if (tokens < maxTokens && lane.read.length < contextLength) {
          signal?.throwIfAborted()
          logits = await scheduler.next(lane.cache, lane.adapters, id, signal)
          lane.read.push(id)
        }
      }
      const rest = stops.push(text.end())
      const last = rest.text + (rest.stopped ? '' : stops.end())
      if (last !== '') yield said(last)
      return done(why)
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
    embedder: embedder({ session, scheduler, adapters, spec, tokenizer, exact: exact.scores, requireRoom }),
    statistics: statistics({ description, session, scheduler, adapters, exact: exact.scores, contextLength }),
    encode,
    async withAdapters(paths) {
      if (scheduler.closed) throw scheduler.wasClosed()
      return nativeModel(shared, await shared.adapters(paths))
    },
    async generate(prompt, options = {}) {
      const answer = pieces(prompt, options)
      for (;;) {
        const { done, value } = await answer.next()
        if (done) return value
      }
    },
    stream: (prompt, options = {}) => pieces(prompt, options),
    close: scheduler.close,
    [Symbol.asyncDispose]: scheduler.close,
  }
}
