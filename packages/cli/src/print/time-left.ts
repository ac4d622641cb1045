import { durationText } from './units.js'

const window = 30_000

/** How long work takes that says how much of it is done, by its pace of the last half minute: what was done before goes by in no time. */
export function timeLeft(now: () => number) {
  let seen: { readonly time: number; readonly done: number }[] = []
  return {
    /** `  1m20s left`, or nothing while that cannot be known. */
    text(done: number, total: number): string {
      const time = now()
      seen.push({ time, done })
      while (seen.length > 2 && time - seen[1]!.time >= window) seen.shift()
      const [first] = seen
      const pace = (done - first!.done) / (time - first!.time)
      return pace > 0 && Number.isFinite(pace) && done < total ? `  ${durationText((total - done) / pace / 1000)} left` : ''
    },
    /** Other work begins. */
    reset(): void {
      seen = []
    },
  }
}
