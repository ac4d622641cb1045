import type { PipelineEvent } from '@qt/pipeline'
import { bar } from './bar.js'
import type { Status } from './status.js'
import { timeLeft } from './time-left.js'
import { trainProgress } from './train-progress.js'
import { bytesText, durationText } from './units.js'

/** Draws the events of a pipeline: a line for each stage, a bar and the time left for what goes on in it. */
export function pipelineProgress(progress: Status, now: () => number = () => performance.now()): (event: PipelineEvent) => void {
  const training = trainProgress(progress, now)
  const left = timeLeft(now)
  let file: string | undefined
  const next = () => {
    progress.forget()
    left.reset()
  }
  return (event) => {
    if (event.type === 'stage') {
      next()
      const place = `[${event.number}/${event.of}] ${event.stage}`
      if (event.state === 'start') progress.line(place)
      else if (event.state === 'reused') progress.line(`${place}  unchanged: ${event.summary ?? ''}`)
      else progress.line(`${place}  ${durationText(event.seconds ?? 0)}  ${event.summary ?? ''}`)
    } else if (event.type === 'progress') {
      const { done, total, text } = event
      progress.update(`  ${done}/${total}${bar(done / total)}${left.text(done, total)}  ${text}`)
    } else if (event.type === 'download') {
      if (event.file !== file) next()
      file = event.file
      const { done, total } = event
      const size = total === undefined ? bytesText(done) : `${bytesText(done)} of ${bytesText(total)}`
      const rest = total === undefined ? '' : `${bar(done / total)}${left.text(done, total)}`
      progress.update(`downloading ${file}  ${size}${rest}`)
    } else if (event.type === 'finding') progress.line(`  ${event.finding.severity}: ${event.finding.toString()}`)
    else if (event.type === 'message') progress.line(`  ${event.level === 'warning' ? 'warning: ' : ''}${event.message}`)
    // Checkpoints are the pipeline's own business.
    else if (event.event.type !== 'checkpoint') training(event.event)
  }
}
