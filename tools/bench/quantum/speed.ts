// Million variable updates a second of annealing at the peers' own schedule, as JSON.  usage: speed.ts native|wasm many|single
import { type QuadraticModel, solve, toSpin } from '@qt/quantum'
import { graph, peersBetaRange, randomQubo } from './instances.js'

const engine = process.argv[2] === 'wasm' ? 'wasm' : 'native'
const reads = process.argv[3] === 'single' ? 4 : 64
const sweeps = 1000

const models: Readonly<Record<string, QuadraticModel>> = {
  bqp1000: randomQubo(1000, 0.1),
  dense250: randomQubo(250, 1),
  G1: graph('G1'),
  G22: graph('G22'),
  G55: graph('G55'),
}
const rates: Record<string, number> = {}
for (const [name, model] of Object.entries(models)) {
  const betaRange = peersBetaRange(toSpin(model))
  const { seconds } = await solve(model, { solver: 'simulated-annealing', engine, sweeps, reads, betaRange, seed: 1, threads: 1 })
  rates[name] = (model.size * sweeps * reads) / seconds / 1e6
}
console.log(JSON.stringify(rates))
