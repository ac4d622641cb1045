import type { RunEvent } from '@qt/core'
import { openEventLog } from './event-log.js'
import type { runFiles } from './run-files.js'
import { openRunLog } from './run-log.js'

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'time'> : never
export type NewEvent = WithoutTime<RunEvent>

/** Carries the events of a run to those who listen, to events.jsonl and to run.log. */
export interface Recorder {
  /** `aside`: not into events.jsonl, which has it already or must not show that the run was interrupted. */
  record(event: NewEvent, where?: 'everywhere' | 'aside'): Promise<void>
  /** Into events.jsonl alone; what comes back tells all others, once what the event says is so. */
  write(event: NewEvent): Promise<() => Promise<void>>
  /** Makes events.jsonl durable and returns its length. */
  sync(): Promise<number>
  close(): Promise<void>
}

const timed = (event: NewEvent): RunEvent => ({ ...event, time: new Date().toISOString() })

/** Goes on after the first `length` bytes of events.jsonl. */
export async function openRecorder(
  files: ReturnType<typeof runFiles>,
  length: number,
  emit: (event: RunEvent) => void,
): Promise<Recorder> {
  const log = await openEventLog(files.events, length)
  const runLog = await openRunLog(files.log)
  const tell = async (whole: RunEvent) => {
    await runLog.append(whole)
    emit(whole)
  }
  return {
    async record(event, where = 'everywhere') {
      const whole = timed(event)
      if (where === 'everywhere') await log.append(whole)
      await tell(whole)
    },
    async write(event) {
      const whole = timed(event)
      await log.append(whole)
      return () => tell(whole)
    },
    sync: () => log.sync(),
    async close() {
      await log.close()
      await runLog.close()
    },
  }
}

/** For all processes of a job but the first, which speaks for them. */
export const silent: Recorder = {
  record: async () => {},
  write: async () => async () => {},
  sync: async () => 0,
  close: async () => {},
}

/** For a trial, which leaves no files. */
export const listenersOnly = (emit: (event: RunEvent) => void): Recorder => ({
  record: async (event) => emit(timed(event)),
  write: async (event) => async () => emit(timed(event)),
  sync: async () => 0,
  close: async () => {},
})
