// One job of several processes, told of each other by the variables that torchrun sets.  usage: processes.ts COUNT PROGRAM [ARGUMENT…]
// Ends with 0 when all of them do; when one fails, the others are ended and its exit code is this one's.
import { spawn } from 'node:child_process'
import { freePort } from '../../../packages/cli/test/free-port.js'

const [count, program, ...args] = process.argv.slice(2)
const job = { WORLD_SIZE: count, MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
const all = Array.from({ length: Number(count) }, (_, rank) =>
  spawn(program!, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...job, RANK: String(rank) } }),
)

const fail = (rank: number, code: number, why: string): void => {
  if (process.exitCode !== undefined) return
  process.exitCode = code
  console.error(`process ${rank} ${why}`)
  for (const child of all) child.kill()
}

for (const [rank, child] of all.entries()) {
  child.on('error', (error) => fail(rank, 1, `did not start: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (code !== 0) fail(rank, code ?? 1, signal === null ? `ended with ${code}` : `was ended by ${signal}`)
  })
}
