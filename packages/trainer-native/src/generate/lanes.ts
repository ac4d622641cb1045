import type { CacheType, NativeSession } from '../binding.js'
import type { Scheduler } from './scheduler.js'

/** A cache with what was read into it. */
export interface Lane {
  readonly cache: number
  adapters: number
  read: number[]
}

export interface Lanes {
  /** A lane for a request, with `read` cut to what it has in common with the prompt if that may be kept; waits when all are taken. */
  take(ids: Uint32Array, adapters: number, signal?: AbortSignal): Promise<Lane>
  give(lane: Lane): void
}

interface Options {
  readonly session: NativeSession
  readonly scheduler: Scheduler
  readonly type: CacheType
  /** Requests answered at the same time. */
  readonly most: number
  /** Keep what a prompt has in common with one that was read before. */
  readonly reuse: boolean
}

/** Caches that requests borrow, made when they are needed. */
export function lanes({ session, scheduler, type, most, reuse }: Options): Lanes {
  const free: Lane[] = []
  const waiting: (() => void)[] = []
  let made = 0

  // What was read for a next time gives way to what is read now: of the lanes that nobody has, the one given back longest ago.
  scheduler.onWant(() => {
    const kept = free.find(({ read }) => read.length > 0)
    if (!kept) return false
    session.truncate(kept.cache, 0)
    kept.read = []
    return true
  })

  /** Leading tokens that need not be read again; the last one always is, for its logits. */
  function common({ read, adapters }: Lane, ids: Uint32Array, wanted: number): number {
    if (!reuse || adapters !== wanted) return 0
    let count = 0
    while (count < read.length && count < ids.length - 1 && read[count] === ids[count]) count++
    return count
  }

  async function room(signal: AbortSignal | undefined): Promise<void> {
    let stop = () => {}
    await new Promise<void>((resolve) => {
      const go = () => resolve()
      stop = () => {
        const at = waiting.indexOf(go)
        if (at >= 0) waiting.splice(at, 1)
        resolve()
      }
      waiting.push(go)
      signal?.addEventListener('abort', stop, { once: true })
      scheduler.closing.then(stop)
    })
    signal?.removeEventListener('abort', stop)
  }

  return {
    async take(ids, adapters, signal) {
      signal?.throwIfAborted()
      if (scheduler.closed) throw scheduler.wasClosed()
      while (free.length === 0 && made >= most) {
        await room(signal)
        signal?.throwIfAborted()
        if (scheduler.closed) throw scheduler.wasClosed()
      }
      const kept = free.map((lane) => common(lane, ids, adapters))
      const best = kept.indexOf(Math.max(...kept))
      // A lane whose text is of no use here is left alone as long as another one can be made.
      const borrow = best >= 0 && (kept[best]! > 0 || !reuse || made >= most)
      const lane: Lane = borrow ? free.splice(best, 1)[0]! : { cache: session.addCache(type), adapters, read: [] }
      if (!borrow) made++
      const keep = common(lane, ids, adapters)
      session.truncate(lane.cache, keep)
      lane.read.length = keep
      lane.adapters = adapters
      return lane
    },
    give(lane) {
      // What nobody will read again makes room at once: on a GPU lanes share one pool.
      if (!reuse && !scheduler.closed) session.truncate(lane.cache, 0)
      free.push(lane)
      waiting.shift()?.()
    },
  }
}
