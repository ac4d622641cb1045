import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { QtError, type RunEvent } from '@qt/core'
import { makeFolder, namingFile } from '@qt/core/node'

/** events.jsonl: append-only, the truth about a run. */
export interface EventLog {
  append(event: RunEvent): Promise<void>
  /** Makes what was appended durable and returns the file's length. */
  sync(): Promise<number>
  close(): Promise<void>
}

/** Opens the log; what lies beyond `length` (a torn line, or steps after the checkpoint) is cut off. */
export async function openEventLog(file: string, length: number): Promise<EventLog> {
  await makeFolder(dirname(file))
  const handle = await open(file, 'a')
  if ((await handle.stat()).size < length) {
    await handle.close()
    throw new QtError({
      code: 'RUN_LOG_SHORT',
      message: 'events.jsonl is shorter than it was when the checkpoint was made, so the run cannot go on from it.',
      where: { file },
      actions: ['Restore events.jsonl of this run.', 'Or start anew in another "output".'],
    })
  }
  await handle.truncate(length)
  let size = length
  return {
    async append(event) {
      const line = Buffer.from(`${JSON.stringify(event)}\n`)
      await handle.appendFile(line).catch((error: unknown) => {
        throw namingFile(error, file)
      })
      size += line.length
    },
    async sync() {
      await handle.sync().catch((error: unknown) => {
        throw namingFile(error, file)
      })
      return size
    },
    close: () => handle.close(),
  }
}
