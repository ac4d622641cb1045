import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEvent, type StepEvent } from '@qt/core'

/** The steps of a run's log. */
export async function stepsOf(run: string): Promise<StepEvent[]> {
  const text = await readFile(join(run, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [event] : []
  })
}
