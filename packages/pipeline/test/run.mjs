// Runs a pipeline in a process of its own and says every event on a line, so that a test can kill it at one.
import { pipeline } from '@qt/pipeline'

const [dir, base] = process.argv.slice(2)
const run = pipeline(dir, { base })
for await (const event of run) {
  const { type, stage, state } = event
  process.stdout.write(
    `${type === 'training' ? `training ${event.event.type}` : [type, stage, state].filter(Boolean).join(' ')}\n`,
  )
}
await run
