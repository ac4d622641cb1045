// Median cut in a time over ten seeds, on one core, as JSON.  usage: cut.ts SECONDS
import { solve } from '@qt/quantum'
import { median } from '../statistics.js'
import { bestCuts, graph } from './instances.js'

const time = Number(process.argv[2] ?? 1)
const cuts: Record<string, number> = {}
for (const name of Object.keys(bestCuts)) {
  const model = graph(name)
  const found: number[] = []
  for (let seed = 1; seed <= 10; seed++) found.push(-(await solve(model, { time, seed, threads: 1 })).energy)
  cuts[name] = median(found)
}
console.log(JSON.stringify(cuts))
