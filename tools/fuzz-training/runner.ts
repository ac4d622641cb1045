// A process that trains: what its messages say, one run after the other, or the one of a file that it is given.
import { readFile, writeFile } from 'node:fs/promises'
import { messageOf, QtError } from '@qt/core'
import { train } from '@qt/trainer-native'
import type { Order, Problem, Report } from './messages.js'

let stopped = new AbortController()

function problemOf(error: unknown): Problem {
  const told = error instanceof Error && error.name === 'AbortError'
  if (!QtError.isInstance(error))
    return { message: messageOf(error), actions: 0, stopped: told, ...(error instanceof Error && { stack: error.stack ?? '' }) }
  const { code, kind, message, actions, where } = error
  return {
    code,
    kind,
    message,
    actions: actions.length,
    stopped: told,
    ...(where?.field !== undefined && { field: where.field }),
  }
}

type Training = Extract<Order, { type: 'train' }>

async function run({ config, resume, env }: Training, say: (report: Report) => void): Promise<void> {
  for (const [name, value] of Object.entries(env))
    if (value === null) delete process.env[name]
    else process.env[name] = value
  stopped = new AbortController()
  try {
    for await (const { type } of train(config, { resume, signal: stopped.signal })) say({ type: 'event', event: type })
    say({ type: 'ended' })
  } catch (error) {
    say({ type: 'ended', problem: problemOf(error) })
  }
}

const [file] = process.argv.slice(2)
if (file !== undefined) {
  const order: Training = JSON.parse(await readFile(file, 'utf8'))
  await run(order, (report) => {
    if (report.type === 'ended') void writeFile(`${file}.${process.env.OMPI_COMM_WORLD_RANK}`, JSON.stringify(report))
  })
}
process.on('message', (order: Order) => {
  if (order.type === 'stop') stopped.abort()
  else void run(order, (report) => process.send?.(report))
})
// Whoever started it has gone.
process.on('disconnect', () => process.exit())
