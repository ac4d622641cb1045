// A million variables and five million couplings: seconds until they can be annealed, milliseconds of a sweep, as JSON.
import { solve } from '@qt/quantum'
import { sparse } from './instances.js'

const started = performance.now()
const model = sparse(1_000_000, 5_000_000)
const built = (performance.now() - started) / 1000
const once = { solver: 'simulated-annealing', seed: 1, threads: 1, reads: 1 } as const
const first = await solve(model, { ...once, sweeps: 2 })
// Converting the model takes seconds, too, and not always as many: the sweeps that are told apart from it must be many.
const sweeps = 500
const few = await solve(model, { ...once, sweeps: 2 })
const many = await solve(model, { ...once, sweeps: sweeps + 2 })
console.log(
  JSON.stringify({
    loadSeconds: built + first.seconds,
    sweepMilliseconds: ((many.seconds - few.seconds) / sweeps) * 1000,
    megabytes: process.resourceUsage().maxRSS / 1024,
  }),
)
