import { ApiError } from './api-error.js'

export interface Gate {
  /** Waits for a turn; the returned function ends it. */
  enter(signal: AbortSignal): Promise<() => void>
  readonly active: number
  readonly waiting: number
  /** Refuses those who wait and who come; resolves when nobody is inside. */
  close(): Promise<void>
}

const shuttingDown = () =>
  new ApiError(503, 'shutting_down', 'The server is shutting down.', { headers: { connection: 'close' } })

/** Lets `most` in at a time and `queue` wait, first come first served; more are told to come back. */
export function gate(most: number, queue: number): Gate {
  const waiting: { go(): void; refuse(error: unknown): void }[] = []
  const emptied: (() => void)[] = []
  let active = 0
  let closed = false

  function leave(): void {
    const next = waiting.shift()
    if (next) return next.go()
    active--
    if (active === 0) for (const tell of emptied.splice(0)) tell()
  }
  /** Leaving twice is leaving once. */
  function pass(): () => void {
    let inside = true
    return () => {
      if (inside) leave()
      inside = false
    }
  }

  return {
    get active() {
      return active
    },
    get waiting() {
      return waiting.length
    },
    async enter(signal) {
      signal.throwIfAborted()
      if (closed) throw shuttingDown()
      if (active < most) {
        active++
        return pass()
      }
      if (waiting.length >= queue)
        throw new ApiError(429, 'too_many_requests', `The server is busy: ${active} requests are answered and ${queue} wait.`, {
          headers: { 'retry-after': '1' },
        })
      return new Promise((resolve, reject) => {
        const forget = () => {
          waiting.splice(waiting.indexOf(place), 1)
          reject(signal.reason)
        }
        const place = {
          go() {
            signal.removeEventListener('abort', forget)
            resolve(pass())
          },
          refuse(error: unknown) {
            signal.removeEventListener('abort', forget)
            reject(error)
          },
        }
        waiting.push(place)
        signal.addEventListener('abort', forget, { once: true })
      })
    },
    close() {
      closed = true
      for (const { refuse } of waiting.splice(0)) refuse(shuttingDown())
      return new Promise((resolve) => {
        if (active === 0) resolve()
        else emptied.push(resolve)
      })
    },
  }
}
