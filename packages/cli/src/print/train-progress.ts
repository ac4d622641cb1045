import type { RunEvent, StepEvent } from '@qt/core'
import { bar } from './bar.js'
import type { Status } from './status.js'
import { bytesText, durationText } from './units.js'

/** Draws the events of a run. */
export function trainProgress(status: Status, now: () => number = () => performance.now()) {
  let first: { time: number; share: number } | undefined
  let steps: number | undefined

  const share = ({ step }: StepEvent): number | undefined => (steps === undefined ? undefined : step / steps)

  function stepText(event: StepEvent): string {
    const done = share(event)
    // Measured from the first step on: loading and the first step are slower than the rest.
    const time = now()
    const left =
      done !== undefined && first !== undefined && done > first.share
        ? `  ${durationText((((time - first.time) / (done - first.share)) * (1 - done)) / 1000)} left`
        : ''
    if (done !== undefined) first ??= { time, share: done }
    const of = steps === undefined ? `step ${event.step}  epoch ${event.epoch.toFixed(2)}` : `step ${event.step}/${steps}`
    const memory = bytesText(event.deviceMemory ?? event.memory)
    return `${of}${bar(done)}  loss ${event.loss.toFixed(4)}  ${Math.round(event.tokensPerSecond)} tokens/s  ${memory}${left}`
  }

  return (event: RunEvent): void => {
    if (event.type === 'start') steps = event.steps
    if (event.type === 'step') status.update(stepText(event))
    const line = lineOf(event)
    if (line !== undefined) status.line(line)
  }
}

/** What stays on the screen of an event. */
function lineOf(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'start':
      return event.resumedFrom === undefined ? undefined : `Resuming after step ${event.resumedFrom}.`
    case 'validation': {
      const right = (100 * event.tokenAccuracy).toFixed(1)
      return `validation after step ${event.step}: loss ${event.loss.toFixed(4)}, perplexity ${event.perplexity.toFixed(2)}, ${right} % of tokens right`
    }
    case 'checkpoint':
      return `saved ${event.path}`
    case 'anomaly':
      return `step ${event.step}: ${event.message}`
    case 'message':
      return event.level === 'warning' ? `warning: ${event.message}` : event.message
    default:
      return undefined
  }
}
