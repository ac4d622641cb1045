import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEvent, type RunEvent, type StepEvent } from '@qt/core'

/** The steps of a run's log. */
export async function stepsOf(run: string): Promise<StepEvent[]> {
  const text = await readFile(join(run, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [event] : []
  })
}

/** The beginning of a run, with its plan. */
export async function startOf(run: string): Promise<Extract<RunEvent, { type: 'start' }>> {
  const text = await readFile(join(run, 'events.jsonl'), 'utf8')
  for (const line of text.split('\n')) {
    const event = parseEvent(line)
    if (event?.type === 'start') return event
  }
  throw new Error(`no beginning in the log of ${run}`)
}
