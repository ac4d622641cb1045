import type { Io } from '../io.js'

export interface Status {
  /** What is going on now: redrawn in place on a terminal, a line now and then elsewhere. */
  update(text: string): void
  /** A line that stays. */
  line(text: string): void
  /** What was going on is over: the next line stands alone. */
  forget(): void
  /** Leaves the last state as a line. */
  end(): void
}

const between = 5000

/** A line on standard error that keeps itself up to date. */
export function status(io: Io, now: () => number = () => performance.now()): Status {
  let last = ''
  let printed = ''
  let at = Number.NEGATIVE_INFINITY
  const width = () => Math.max(20, (process.stderr.columns ?? 100) - 1)
  const draw = (text: string) => io.note(`\r\u001b[2K${text.slice(0, width())}`)
  return {
    update(text) {
      last = text
      if (io.terminal) draw(text)
      else if (now() - at >= between) {
        io.note(`${text}\n`)
        printed = text
        at = now()
      }
    },
    line(text) {
      io.note(io.terminal ? `\r\u001b[2K${text}\n` : `${text}\n`)
      if (io.terminal && last !== '') draw(last)
    },
    forget() {
      last = ''
      at = Number.NEGATIVE_INFINITY
    },
    end() {
      if (last === '') return
      if (io.terminal) io.note('\n')
      else if (printed !== last) io.note(`${last}\n`)
      last = ''
    },
  }
}
