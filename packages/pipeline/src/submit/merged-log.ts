import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { submitFiles } from './submit-files.js'

/** A line of one of the processes of a run. */
export interface LogLine {
  /** ISO 8601, of the line itself or of the last one before it that has a time; empty where none has. */
  readonly time: string
  /** `job`, what the cluster's script says, or `rank 3`. */
  readonly source: string
  readonly text: string
}

const stamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) {2}/

/**
 * What is new in the logs of all processes of a run since the last call, as one log in the order of time. Lines without a time
 * of their own (a crash of native code, a message of MPI) stay with the line before them.
 *
 * @example
 * ```ts
 * const read = mergedLog('runs/first')
 * for (const { time, source, text } of await read()) console.log(time, source, text)
 * ```
 */
export function mergedLog(output: string): () => Promise<LogLine[]> {
  const { logs } = submitFiles(output)
  const tails = new Map<string, Tail>()
  return async () => {
    const names = await readdir(logs).catch(() => [])
    for (const name of names) {
      const rank = /^rank-(\d+)\.log$/.exec(name)?.[1]
      if ((rank !== undefined || name === 'job.log') && !tails.has(name))
        tails.set(name, new Tail(join(logs, name), rank === undefined ? 'job' : `rank ${rank}`))
    }
    const inOrder = [...tails.values()].sort((a, b) => a.source.localeCompare(b.source, 'en', { numeric: true }))
    const fresh = await Promise.all(inOrder.map((tail) => tail.read()))
    return fresh.flat().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
  }
}

/** Whole lines of a file that grows. */
class Tail {
  private offset = 0
  private rest = Buffer.alloc(0)
  private time = ''

  constructor(
    private readonly file: string,
    readonly source: string,
  ) {}

  async read(): Promise<LogLine[]> {
    const handle = await open(this.file, 'r').catch(() => undefined)
    if (!handle) return []
    try {
      const { size } = await handle.stat()
      if (size <= this.offset) return []
      const fresh = Buffer.alloc(size - this.offset)
      const { bytesRead } = await handle.read(fresh, 0, fresh.length, this.offset)
      this.offset += bytesRead
      this.rest = Buffer.concat([this.rest, fresh.subarray(0, bytesRead)])
    } finally {
      await handle.close()
    }
    const end = this.rest.lastIndexOf(10) + 1
    const text = this.rest.subarray(0, end).toString('utf8')
    this.rest = this.rest.subarray(end)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => this.line(line))
  }

  private line(text: string): LogLine {
    const found = stamp.exec(text)
    if (found?.[1]) this.time = found[1]
    return { time: this.time, source: this.source, text: text.slice(found?.[0].length ?? 0) }
  }
}
