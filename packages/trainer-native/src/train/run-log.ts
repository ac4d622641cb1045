import { open } from 'node:fs/promises'
import type { RunEvent } from '@qt/core'

/** run.log: the same events as sentences, for people; unlike events.jsonl it keeps what happened before a resume. */
export async function openRunLog(file: string) {
  const handle = await open(file, 'a')
  return {
    append: (event: RunEvent) => handle.appendFile(`${event.time}  ${sentence(event)}\n`),
    close: () => handle.close(),
  }
}

function sentence(event: RunEvent): string {
  switch (event.type) {
    case 'start':
      return event.resumedFrom === undefined ? 'started' : `resumed after step ${event.resumedFrom}`
    case 'step':
      return `step ${event.step}: loss ${event.loss.toFixed(5)}, gradient ${event.gradNorm.toFixed(4)}, ${Math.round(event.tokensPerSecond)} tokens/s`
    case 'validation':
      return `validation after step ${event.step}: loss ${event.loss.toFixed(5)}, perplexity ${event.perplexity.toFixed(3)}`
    case 'checkpoint':
      return `saved ${event.path}`
    case 'anomaly':
      return `step ${event.step}: ${event.message}`
    case 'message':
      return event.message
    case 'paused':
      return `paused after step ${event.step}`
    case 'end':
      return `ended (${event.why}) after ${event.steps} steps and ${event.tokens} tokens`
  }
}
