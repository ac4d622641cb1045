/** Long work: iterate it for its events, await it for its result. */
export interface Run<Event, Result> extends AsyncIterable<Event>, PromiseLike<Result> {}

export interface RunContext<Event> {
  emit(event: Event): void
  readonly signal: AbortSignal
}

/**
 * Starts work at once and returns it as an async iterable of events that can also be awaited.
 * Breaking out of the loop aborts the work; awaiting without iterating keeps no events.
 *
 * @example
 * ```ts
 * const run = startRun<number, string>(async ({ emit }) => { emit(1); emit(2); return 'done' })
 * const seen: number[] = []
 * for await (const event of run) seen.push(event)
 * seen // [1, 2]
 * await run // 'done'
 * ```
 */
export function startRun<Event, Result>(
  work: (context: RunContext<Event>) => Promise<Result>,
  options: { signal?: AbortSignal | undefined } = {},
): Run<Event, Result> {
  const own = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal
  let queue: Event[] = []
  let keep = true
  let iterated = false
  let ended = false
  let wake: (() => void) | undefined
  const notify = () => {
    wake?.()
    wake = undefined
  }
  const emit = (event: Event) => {
    if (keep) queue.push(event)
    notify()
  }
  const result = Promise.resolve()
    .then(() => work({ emit, signal }))
    .finally(() => {
      ended = true
      notify()
    })
  // A rejection reaches whoever iterates or awaits; without this line it would also end the process.
  result.catch(() => {})

  async function* events(): AsyncGenerator<Event, void, void> {
    iterated = true
    let finished = false
    try {
      for (;;) {
        const batch = queue
        queue = []
        yield* batch
        if (queue.length > 0) continue
        if (ended) break
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      finished = true
      await result
    } finally {
      keep = false
      if (!finished) own.abort()
    }
  }

  return {
    [Symbol.asyncIterator]: events,
    // biome-ignore lint/suspicious/noThenProperty: a run is awaited for its result, by design
    then(onFulfilled, onRejected) {
      if (!iterated) {
        keep = false
        queue = []
      }
      return result.then(onFulfilled, onRejected)
    },
  }
}
