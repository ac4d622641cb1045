// Seconds to write a model of a million products down with types, and as plain terms, as JSON.
import { model, quadraticBuilder, sum } from '@qt/quantum'

const [size, terms] = [2000, 1_000_000]
const pairs: [number, number][] = []
for (let i = 0; i < size && pairs.length < terms; i++)
  for (let j = i + 1; j < size && pairs.length < terms; j++) pairs.push([i, j])

function timed(work: () => number): number {
  const started = performance.now()
  if (work() !== terms) throw new Error('terms are missing')
  return (performance.now() - started) / 1000
}
const typed = () =>
  timed(() => {
    const m = model()
    const x = m.binaries('x', size)
    for (const [i, j] of pairs) m.minimise(x[i]!.times(x[j]!).times(i + j))
    return m.compile().qubo.values.length
  })
const summed = () =>
  timed(() => {
    const m = model()
    const x = m.binaries('x', size)
    m.minimise(sum(pairs.map(([i, j]) => x[i]!.times(x[j]!).times(i + j))))
    return m.compile().qubo.values.length
  })
const plain = () =>
  timed(() => {
    const builder = quadraticBuilder('binary', size)
    for (const [i, j] of pairs) builder.addQuadratic(i, j, i + j)
    return builder.build().values.length
  })
console.log(JSON.stringify({ typed: typed(), summed: summed(), plain: plain() }))
