import {
  type GenerateOptions,
  type Generation,
  type LanguageModel,
  logSumExp,
  type ModelSpec,
  type Prompt,
  QtError,
  type Scoring,
  type Tokenizer,
  usageError,
} from '@qt/core'
import { encodeChat } from '@qt/data'
import type { NativeSession } from '../binding.js'
import { sampler } from './sampler.js'
import { stopStrings } from './stop-strings.js'

export interface NativeModel extends LanguageModel {
  readonly spec: ModelSpec
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  readonly scoring: Scoring
  /** The ids that a prompt becomes. */
  encode(prompt: Prompt, options?: Pick<GenerateOptions, 'tools'>): Uint32Array
  [Symbol.asyncDispose](): Promise<void>
}

interface Parts {
  readonly name: string
  readonly spec: ModelSpec
  readonly session: NativeSession
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  /** Keep what a prompt has in common with what was read before. */
  readonly reusePrompts: boolean
}

/** Tokens of a prompt between two looks at the abort signal's effect, and rows of logits held at once when scoring. */
const scoringChunk = 128

export function nativeModel({ name, spec, session, tokenizer, contextLength, reusePrompts }: Parts): NativeModel {
  let read: number[] = [] // what the session has in its cache
  let busy: Promise<void> = Promise.resolve()
  let closed = false
  let working: Promise<Float32Array | null> | undefined
  let shut = () => {}
  const closing = new Promise<void>((resolve) => {
    shut = resolve
  })

  /** One request at a time: the session has one cache. Requests wait in line. */
  async function alone(signal?: AbortSignal): Promise<() => void> {
    const before = busy
    let done = () => {}
    busy = new Promise<void>((resolve) => {
      done = resolve
    })
    // Whoever gives up waiting leaves the line in order: the next one still waits for those before.
    const leave = (): never => {
      before.then(done)
      signal?.throwIfAborted()
      throw wasClosed()
    }
    await Promise.race([before, closing, aborted(signal)])
    if (closed || signal?.aborted) leave()
    return done
  }

  const wasClosed = () => new QtError({ code: 'MODEL_CLOSED', message: `${name} has been closed.`, actions: ['Load it again.'] })

  async function append(ids: readonly number[], wanted: number, signal?: AbortSignal): Promise<Float32Array> {
    signal?.throwIfAborted()
    if (closed) throw wasClosed()
    session.setAbort(false)
    const stop = () => session.setAbort(true)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      working = session.append(Int32Array.from(ids), wanted)
      const logits = await working
      if (logits === null) {
        signal?.throwIfAborted()
        throw wasClosed()
      }
      read.push(...ids)
      return logits
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Reads a prompt, keeping the beginning that it has in common with what was read last; logits of its last token. */
  async function readPrompt(ids: Uint32Array, signal?: AbortSignal): Promise<Float32Array> {
    let common = 0
    while (reusePrompts && common < read.length && common < ids.length - 1 && read[common] === ids[common]) common++
    session.truncate(common)
    read = read.slice(0, common)
    return append([...ids.subarray(common)], 1, signal)
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
    const { maxTokens = 256, signal, stop = [] } = options
    const ids = encode(prompt, options)
    requireRoom(ids.length)
    const release = await alone(signal)
    try {
      const choose = sampler(options)
      const text = tokenizer.stream()
      const stops = stopStrings(stop)
      let logits = await readPrompt(ids, signal)
      while (outcome.tokens < maxTokens && session.length < contextLength) {
        const id = choose.next(logits, outcome.tokens, read)
        if (tokenizer.endIds.has(id)) {
          outcome.why = 'end'
          break
        }
        outcome.tokens++
        const shown = stops.push(text.push(id))
        if (shown.text !== '') yield shown.text
        if (shown.stopped) {
          outcome.why = 'stop'
          return
        }
        if (outcome.tokens < maxTokens && session.length < contextLength) logits = await append([id], 1, signal)
      }
      const rest = stops.push(text.end())
      const last = rest.text + (rest.stopped ? '' : stops.end())
      if (last !== '') yield last
    } finally {
      release()
    }
  }

  const scoring: Scoring = {
    vocabularySize: spec.vocabularySize,
    async score(ids, { signal } = {}) {
      const out = new Float32Array(ids.length).fill(Number.NaN)
      await eachDistribution(ids, signal, (position, logits) => {
        if (position + 1 < ids.length) out[position + 1] = logits[ids[position + 1]!]! - logSumExp(logits)
      })
      return out
    },
    async distributions(ids, { signal } = {}) {
      const out = new Float32Array(ids.length * spec.vocabularySize)
      await eachDistribution(ids, signal, (position, logits) => {
        const total = logSumExp(logits)
        const row = out.subarray(position * spec.vocabularySize, (position + 1) * spec.vocabularySize)
        for (let i = 0; i < row.length; i++) row[i] = logits[i]! - total
      })
      return out
    },
  }

  async function eachDistribution(
    ids: ArrayLike<number>,
    signal: AbortSignal | undefined,
    use: (position: number, logits: Float32Array) => void,
  ): Promise<void> {
    requireRoom(ids.length - 1 || ids.length)
    const release = await alone(signal)
    try {
      session.truncate(0)
      read = []
      for (let first = 0; first < ids.length; first += scoringChunk) {
        const part = Array.from({ length: Math.min(scoringChunk, ids.length - first) }, (_, i) => ids[first + i]!)
        const logits = await append(part, part.length, signal)
        for (let i = 0; i < part.length; i++)
          use(first + i, logits.subarray(i * spec.vocabularySize, (i + 1) * spec.vocabularySize))
      }
    } finally {
      release()
    }
  }

  /** Ends the answer at hand at its next token, rejects those that wait, and frees the engine. */
  const close = async () => {
    if (closed) return
    closed = true
    session.setAbort(true)
    shut()
    await working?.catch(() => {})
    session.close()
  }

  return {
    name,
    spec,
    tokenizer,
    contextLength,
    scoring,
    encode,
    async generate(prompt, options = {}) {
      const outcome: Outcome = { tokens: 0, why: 'length' }
      let text = ''
      for await (const piece of pieces(prompt, options, outcome)) text += piece
      return { text, ...outcome }
    },
    stream: (prompt, options = {}) => pieces(prompt, options, { tokens: 0, why: 'length' }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) resolve()
    else signal?.addEventListener('abort', () => resolve(), { once: true })
  })
