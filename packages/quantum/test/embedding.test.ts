import { createHash } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import {
  chainStrengthOf,
  chimeraGraph,
  embedModel,
  energyOf,
  findEmbedding,
  type HardwareGraph,
  pegasusGraph,
  quadraticModel,
  toSpin,
  unembed,
  zephyrGraph,
} from '../src/index.js'
import { randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const digest = ({ edges }: HardwareGraph) =>
  createHash('sha256')
    .update(edges.map(([a, b]) => `${a},${b}`).join(';'))
    .digest('hex')
    .slice(0, 16)

// Of dwave-networkx: nodes, edges, and the first half of the SHA-256 of "a,b;c,d;…" in order.
test.each([
  ['Chimera 16', () => chimeraGraph(16), 2048, 6016, 'a8b22ed98ba2ca21'],
  ['Chimera 2×3', () => chimeraGraph(2, 3, 4), 48, 124, 'e12e6698eed66d1c'],
  ['Pegasus 2', () => pegasusGraph(2), 40, 164, '03cd871d924cc331'],
  ['Pegasus 16', () => pegasusGraph(16), 5640, 40484, 'c5f7b57eb3bda0b2'],
  ['Zephyr 3, 2', () => zephyrGraph(3, 2), 168, 828, '40674c39567c008f'],
  ['Zephyr 12', () => zephyrGraph(12), 4800, 45864, '279f23b98669aa0c'],
] as const)('%s is the graph that D-Wave means', (_, make, nodes, edges, hash) => {
  const graph = make()
  expect([graph.nodes.length, graph.edges.length]).toEqual([nodes, edges])
  expect(digest(graph)).toBe(hash)
})

test.each([
  ['Chimera', chimeraGraph(6), 8],
  ['Pegasus', pegasusGraph(4), 14],
  ['Zephyr', zephyrGraph(3), 14],
] as const)('a complete graph has its place in %s, and keeps its energies there', (_, graph, size) => {
  const model = randomModel(size, 1, size)
  const embedding = findEmbedding(model, graph, { seed: 1 })
  expect(findEmbedding(model, graph, { seed: 1 })).toEqual(embedding)
  // embedModel checks that chains are connected, apart, and joined where couplings are.
  const { linear, couplings, offset } = embedModel(model, embedding, graph)
  for (let state = 0; state < 20; state++) {
    const solution = Uint8Array.from({ length: size }, (_, i) => (Math.imul(state + 1, 2654435761 + 977 * i) >>> 9) & 1)
    const spin = new Map(embedding.flatMap((chain, i) => chain.map((qubit) => [qubit, 2 * solution[i]! - 1])))
    let energy = offset
    for (const [qubit, value] of linear) energy += value * spin.get(qubit)!
    for (const [a, b, value] of couplings) energy += value * spin.get(a)! * spin.get(b)!
    expect(energy).toBeCloseTo(energyOf(model, solution), 9)
    const back = unembed(model, embedding, (qubit) => (spin.get(qubit)! > 0 ? 1 : 0))
    expect(back).toEqual({ solution, broken: 0 })
  }
})

test('a sparse graph of forty variables finds a place on a whole processor', () => {
  const graph = pegasusGraph(16)
  const model = randomModel(40, 0.1, 4, { vartype: 'spin' })
  const embedding = findEmbedding(model, graph, { seed: 2 })
  embedModel(model, embedding, graph)
  expect(embedding.flat().length).toBeLessThan(200)
})

test('qubits that are broken are left out', () => {
  const whole = pegasusGraph(3)
  const graph = { nodes: whole.nodes.filter((qubit) => qubit % 7 !== 0), edges: whole.edges }
  const model = randomModel(8, 1, 3)
  const embedding = findEmbedding(model, graph, { seed: 1 })
  expect(embedding.flat().every((qubit) => qubit % 7 !== 0)).toBe(true)
  embedModel(model, embedding, graph)
})

test('what has no place says so, and a wrong embedding where it is wrong', () => {
  const cell = chimeraGraph(1)
  expect(() => findEmbedding(randomModel(6, 1, 1), cell)).toThrow(expect.objectContaining({ code: 'EMBEDDING_NOT_FOUND' }))
  const pair = quadraticModel({ couplings: [[0, 1, 1]] })
  const wrong = [
    [[[0], [1]], 'no coupler'],
    [[[0, 1], [4]], 'not connected'],
    [[[0], [0]], 'two chains'],
    [[[0], []], 'no qubit'],
    [[[0], [99]], 'no qubit 99'],
    [[[0]], '1 chains'],
  ] as const
  for (const [embedding, why] of wrong) expect(() => embedModel(pair, embedding, cell)).toThrow(why)
  expect(() => embedModel(pair, [[0], [4]], cell, { chainStrength: 0 })).toThrow('chainStrength')
})

test('the majority of a broken chain decides, and where it is split, what costs less', () => {
  const model = toSpin(quadraticModel({ vartype: 'spin', linear: [0, 1], couplings: [[0, 1, -2]] }))
  const bits = new Map([
    [0, 1],
    [1, 1],
    [2, 0],
    [3, 0],
    [4, 1],
  ])
  const { solution, broken } = unembed(
    model,
    [
      [0, 1, 2],
      [3, 4],
    ],
    (qubit) => bits.get(qubit)!,
  )
  // Spin 1 feels +1 and −2·(+1): up is lower.
  expect([...solution]).toEqual([1, 1])
  expect(broken).toBe(1)
})

test('chains are tied as strongly as their neighbours pull', () => {
  const ring = quadraticModel({ vartype: 'spin', couplings: Array.from({ length: 8 }, (_, i) => [i, (i + 1) % 8, 3]) })
  expect(chainStrengthOf(ring)).toBeCloseTo(Math.SQRT2 * 3 * Math.SQRT2, 9)
})
