// Milliseconds of one evaluation of QAOA with one layer on 20 qubits, the expectation included, as JSON.
import { qaoa, quadraticModel } from '@qt/quantum'
import { median } from '../statistics.js'
import { qaoaEdges } from './peers.js'

const model = quadraticModel({ vartype: 'spin', size: 20, couplings: qaoaEdges.map(([i, j]) => [i, j, 1]) })
/** Seconds of a whole optimisation: the difference of two is that of evaluations alone. */
const seconds = (evaluations: number) => {
  const started = performance.now()
  qaoa(model, { layers: 1, evaluations, shots: 1 })
  return (performance.now() - started) / 1000
}
seconds(4)
const layers: number[] = []
for (let k = 0; k < 5; k++) layers.push((1000 * (seconds(14) - seconds(4))) / 10)
console.log(JSON.stringify({ layer: median(layers) }))
