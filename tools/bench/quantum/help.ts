// Maximum cuts of ten random cubic graphs of 16 vertices: how many a way solves, and in how many milliseconds, as JSON.
// usage: help.ts exact|annealing|greedy|random|qaoa LAYERS
import { energyOf, type QuadraticModel, qaoa, quadraticModel, solve } from '@qt/quantum'
import { draws } from './instances.js'

const [way = 'exact', layers = '1'] = process.argv.slice(2)
const size = 16
const shots = 1024

/** A ring, and every vertex joined to one more. */
function cubic(seed: number): QuadraticModel {
  const draw = draws(seed)
  for (;;) {
    const order = Array.from({ length: size }, (_, i) => ({ i, key: draw() })).sort((a, b) => a.key - b.key)
    const more = Array.from({ length: size / 2 }, (_, k): [number, number] => [order[2 * k]!.i, order[2 * k + 1]!.i])
    if (more.some(([a, b]) => [1, size - 1].includes(Math.abs(a - b)))) continue
    const ring = Array.from({ length: size }, (_, i): [number, number] => [i, (i + 1) % size])
    return quadraticModel({ vartype: 'spin', size, couplings: [...ring, ...more].map(([a, b]) => [a, b, 1]) })
  }
}
const cut = (energy: number) => ((3 / 2) * size - energy) / 2

/** The best energy of a way, and the share of its measurements that gave the optimum. */
async function best(
  model: QuadraticModel,
  seed: number,
  optimum: number,
): Promise<{ energy: number; share?: number; mean?: number }> {
  if (way === 'exact') return solve(model, { solver: 'exact', time: 10 })
  if (way === 'annealing') return solve(model, { solver: 'simulated-annealing', sweeps: 50, seed, threads: 1 })
  if (way === 'greedy') return solve(model, { solver: 'greedy', sweeps: 1, seed, threads: 1 })
  if (way === 'qaoa') {
    const { energy, optimumShare, expectation } = qaoa(model, { layers: Number(layers), shots, seed })
    return { energy, share: optimumShare, mean: expectation }
  }
  const draw = draws(seed)
  const energies = Array.from({ length: shots }, () =>
    energyOf(
      model,
      Uint8Array.from({ length: size }, () => (draw() < 0.5 ? 1 : 0)),
    ),
  )
  return {
    energy: Math.min(...energies),
    share: energies.filter((energy) => energy === optimum).length / shots,
    mean: energies.reduce((a, b) => a + b, 0) / shots,
  }
}

const sums = { solved: 0, ratio: 0, milliseconds: 0, share: 0, mean: 0 }
await best(cubic(99), 1, 0)
for (let seed = 1; seed <= 10; seed++) {
  const model = cubic(seed)
  const { energy: optimum } = await solve(model, { solver: 'exact', time: 10 })
  const started = performance.now()
  const { energy, share, mean } = await best(model, seed, optimum)
  sums.milliseconds += (performance.now() - started) / 10
  sums.solved += energy === optimum ? 1 : 0
  sums.ratio += cut(energy) / cut(optimum) / 10
  sums.share += (share ?? Number.NaN) / 10
  sums.mean += cut(mean ?? Number.NaN) / cut(optimum) / 10
}
console.log(JSON.stringify(sums))
