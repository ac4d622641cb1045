import { QtError } from '@qt/core'
import type { Judgement, NativeQuestion, NativeSession } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'

/** Most sequences in one pass of single tokens, as native/src/generate/session.hpp. */
const mostSequences = 64

export interface Scheduler {
  /** Runs a pass of its own, which appends so many tokens to a cache; rejects when its signal aborts it. */
  alone<T>(appended: Appended, pass: () => Promise<T | null>, signal?: AbortSignal): Promise<T>
  /** What the model thinks of continuations, in one pass with others that are asked for at the same time. */
  judge(question: NativeQuestion, signal?: AbortSignal): Promise<Judgement>
  /** One token of one sequence, together with those of others that ask at the same time. */
  next(cache: number, adapters: number, id: number, signal?: AbortSignal): Promise<Float32Array>
  /** Names one who can give back a cache that nobody uses, and says false when there is none; asked when the device has no room left. */
  onWant(giveBack: () => boolean): void
  /** Runs work that has a cache of its own when there is room for one more. */
  withRoom<T>(work: () => Promise<T>): Promise<T>
  /** Says that a sequence begins to ask for tokens, until the returned function is called. */
  enter(): () => void
  readonly closed: boolean
  /** Tokens of questions that go into one pass at most. */
  readonly tokensTogether: number
  /** Resolves when the model is closed. */
  readonly closing: Promise<void>
  wasClosed(): QtError
  close(): Promise<void>
}

export interface Appended {
  readonly cache: number
  readonly tokens: number
}

interface Waiting {
  readonly signal: AbortSignal | undefined
  reject(error: unknown): void
}
interface Alone extends Waiting {
  readonly appended: Appended
  /** Settles its promise; says false when the pass was stopped. */
  run(): Promise<boolean>
}
interface Asked extends Waiting {
  resolve(judgement: Judgement): void
  readonly question: NativeQuestion
}
interface Token extends Waiting {
  resolve(logits: Float32Array): void
  readonly cache: number
  readonly adapters: number
  readonly id: number
}

/** Requests whose contexts do not all fit share the GPU's memory; this one found none left. So it may when other programs took it. */
const full = (name: string, cause?: Error) =>
  new QtError({
    code: 'GPU_FULL',
    message: cause
      ? `This answer of ${name} ends: ${cause.message}.`
      : `The GPU has no room for more tokens of this answer of ${name}: those of others fill its memory.`,
    actions: [
      'Ask again when others have ended.',
      ...(cause ? ['See who else takes the memory of the GPU: nvidia-smi.'] : []),
      'Ask for fewer answers at the same time, or load with a shorter contextLength.',
    ],
    cause,
  })

/** Tokens that are read of a question: the last one of a continuation is only foretold. */
export const tokensRead = ({ context, continuations }: NativeQuestion): number =>
  continuations.reduce((sum, { length }) => sum + Math.max(0, length - 1), context.length)

/**
 * Shares one session among requests: passes run one at a time; the single tokens that sequences ask for while one runs go into the
 * next one together (continuous batching), as do questions, so that weights are read once for all of them. `exact` questions are
 * judged in float32 throughout; `ownCaches`: beside those of requests there may be so many.
 */
export function scheduler(session: NativeSession, name: string, exact: boolean, ownCaches = Number.POSITIVE_INFINITY): Scheduler {
  const tokensTogether = session.mostTogether()
  const passes: Alone[] = []
  let questions: Asked[] = []
  let tokens: Token[] = []
  let asking = 0
  let room = ownCaches
  const forRoom: (() => void)[] = []
  let giveBack = () => false
  let running: Promise<void> | undefined
  let closed = false
  let shut = () => {}
  const closing = new Promise<void>((resolve) => {
    shut = resolve
  })
  const wasClosed = () => new QtError({ code: 'MODEL_CLOSED', message: `${name} has been closed.`, actions: ['Load it again.'] })

  const dropped = ({ signal, reject }: Waiting): boolean => {
    if (!closed && !signal?.aborted) return false
    reject(closed ? wasClosed() : signal?.reason)
    return true
  }

  /** What a stopped pass means to the one who asked. */
  const stopped = (signal: AbortSignal | undefined) => (!closed && signal?.aborted ? signal.reason : wasClosed())

  /** What the engine itself throws is a plain Error in plain words; it reaches people as theirs. */
  const failed = (cause: unknown): unknown => {
    if (isOutOfMemory(cause)) return full(name, cause)
    if (!(cause instanceof Error) || QtError.isInstance(cause) || 'code' in cause) return cause
    return new QtError({
      code: 'GENERATION_FAILED',
      message: `The engine stopped: ${cause.message}.`,
      actions: ['Ask for fewer answers at the same time, or load with a shorter contextLength.'],
      cause,
    })
  }

  /** Those for whose tokens there is room; the others end. Caches that nobody uses give theirs back first. */
  function thoseWithRoom<T extends Waiting>(batch: readonly T[], appended: (asked: T) => Appended): readonly T[] {
    const caches = Int32Array.from(batch, (asked) => appended(asked).cache)
    const counts = Int32Array.from(batch, (asked) => appended(asked).tokens)
    let without = session.withoutRoom(caches, counts)
    while (without.length > 0 && giveBack()) without = session.withoutRoom(caches, counts)
    if (without.length === 0) return batch
    const ended = new Set(without)
    return batch.filter(({ reject }, i) => {
      if (ended.has(i)) reject(full(name))
      return !ended.has(i)
    })
  }

  async function runAlone(alone: Alone): Promise<void> {
    const { run, signal, reject, appended } = alone
    const stop = () => session.setAbort(true)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      if (thoseWithRoom([alone], () => appended).length === 0) return
      if (!(await run())) reject(stopped(signal))
    } catch (error) {
      reject(failed(error))
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async function runTokens(asked: readonly Token[]): Promise<void> {
    try {
      const batch = thoseWithRoom(asked, ({ cache }) => ({ cache, tokens: 1 }))
      if (batch.length === 0) return
      const numbers = (of: (token: Token) => number) => Int32Array.from(batch, of)
      const logits = await session.decode(
        numbers(({ cache }) => cache),
        numbers(({ adapters }) => adapters),
        numbers(({ id }) => id),
      )
      const vocabulary = (logits?.length ?? 0) / batch.length
      batch.forEach(({ signal, resolve, reject }, i) => {
        if (logits === null) reject(stopped(signal))
        else resolve(logits.subarray(i * vocabulary, (i + 1) * vocabulary))
      })
    } catch (error) {
      for (const { reject } of asked) reject(failed(error))
    }
  }

  /** The first questions, as many as fit into one pass. */
  function takeQuestions(): Asked[] {
    let [count, read] = [0, 0]
    while (count < questions.length && (count === 0 || read + tokensRead(questions[count]!.question) <= tokensTogether))
      read += tokensRead(questions[count++]!.question)
    return questions.splice(0, count)
  }

  async function runQuestions(batch: readonly Asked[]): Promise<void> {
    // The pass goes on for those that still wait.
    const leave = () => {
      if (batch.every(({ signal }) => signal?.aborted)) session.setAbort(true)
    }
    for (const { signal } of batch) signal?.addEventListener('abort', leave, { once: true })
    try {
      const judged = await session.judge(
        batch.map(({ question }) => question),
        exact,
      )
      let to = 0
      for (const { question, signal, resolve, reject } of batch) {
        const from = to
        to = question.continuations.reduce((sum, { length }) => sum + length, from)
        if (judged === null || signal?.aborted) reject(stopped(signal))
        else resolve({ logs: judged.logs.slice(from, to), likeliest: judged.likeliest.slice(from, to) })
      }
    } catch (error) {
      for (const { reject } of batch) reject(failed(error))
    } finally {
      for (const { signal } of batch) signal?.removeEventListener('abort', leave)
    }
  }

  /** Before each pass: who stopped the one before stops no other. */
  const mayRun = () => session.setAbort(closed)

  async function work(): Promise<void> {
    while (passes.length > 0 || questions.length > 0 || tokens.length > 0) {
      // Those that were just served ask again in the turn that follows.
      if (asking > 1 || questions.length > 0) await new Promise((resolve) => setImmediate(resolve))
      const pass = passes.shift()
      if (pass && !dropped(pass)) {
        mayRun()
        await runAlone(pass)
      }
      questions = questions.filter((asked) => !dropped(asked))
      const together = takeQuestions()
      if (together.length > 0) {
        mayRun()
        await runQuestions(together)
      }
      tokens = tokens.filter((token) => !dropped(token))
      const batch = tokens.splice(0, mostSequences)
      if (batch.length > 0) {
        mayRun()
        await runTokens(batch)
      }
    }
  }

  function wake(): void {
    running ??= work().finally(() => {
      running = undefined
      if (passes.length > 0 || questions.length > 0 || tokens.length > 0) wake()
    })
  }

  /** Why nothing more can be asked for. */
  const refused = (signal: AbortSignal | undefined): unknown =>
    closed ? wasClosed() : signal?.aborted ? signal.reason : undefined

  return {
    alone: (appended, pass, signal) =>
      new Promise((resolve, reject) => {
        const reason = refused(signal)
        if (reason !== undefined) return reject(reason)
        const run = async () => {
          const result = await pass()
          if (result !== null) resolve(result)
          return result !== null
        }
        passes.push({ appended, run, signal, reject })
        wake()
      }),
    judge: (question, signal) =>
      new Promise((resolve, reject) => {
        const reason = refused(signal)
        if (reason !== undefined) return reject(reason)
        questions.push({ question, signal, resolve, reject })
        wake()
      }),
    next: (cache, adapters, id, signal) =>
      new Promise((resolve, reject) => {
        const reason = refused(signal)
        if (reason !== undefined) return reject(reason)
        tokens.push({ cache, adapters, id, signal, resolve, reject })
        wake()
      }),
    onWant(give) {
      giveBack = give
    },
    async withRoom(work) {
      if (room > 0) room--
      else await new Promise<void>((resolve) => forRoom.push(resolve))
      try {
        return await work()
      } finally {
        const next = forRoom.shift()
        if (next) next()
        else room++
      }
    },
    enter() {
      asking++
      return () => {
        asking--
      }
    },
    get closed() {
      return closed
    },
    tokensTogether,
    closing,
    wasClosed,
    async close() {
      if (closed) return
      closed = true
      session.setAbort(true)
      shut()
      await running
      session.close()
    },
  }
}
