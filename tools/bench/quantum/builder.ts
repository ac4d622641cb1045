// Seconds to write a model of a million products down with types, and as plain terms, as JSON.
import { model, quadraticBuilder, sum, type Variable } from '@qt/quantum'

const [size, terms] = [2000, 1_000_000]
/** The pairs are made while they are written down, as in a program: a million lists of two kept beside them is work for the collector. */
function eachPair(write: (i: number, j: number) => void): void {
  for (let i = 0, left = terms; left > 0; i++) for (let j = i + 1; j < size && left > 0; j++, left--) write(i, j)
}
function timed(work: () => number): number {
  const started = performance.now()
  if (work() !== terms) throw new Error('terms are missing')
  return (performance.now() - started) / 1000
}
function* eachProduct(x: readonly Variable[]) {
  for (let i = 0, left = terms; left > 0; i++)
    for (let j = i + 1; j < size && left > 0; j++, left--) yield x[i]!.times(x[j]!).times(i + j)
}
const typed = () =>
  timed(() => {
    const m = model()
    const x = m.binaries('x', size)
    eachPair((i, j) => m.minimise(x[i]!.times(x[j]!).times(i + j)))
    return m.compile().qubo.values.length
  })
const summed = () =>
  timed(() => {
    const m = model()
    const x = m.binaries('x', size)
    m.minimise(sum(eachProduct(x)))
    return m.compile().qubo.values.length
  })
const plain = () =>
  timed(() => {
    const builder = quadraticBuilder('binary', size)
    eachPair((i, j) => builder.addQuadratic(i, j, i + j))
    return builder.build().values.length
  })
console.log(JSON.stringify({ typed: typed(), summed: summed(), plain: plain() }))
