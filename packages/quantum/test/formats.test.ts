import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import {
  cutOf,
  energyOf,
  type Format,
  quadraticModel,
  readProblem,
  solve,
  valueIn,
  writeBqm,
  writeCoo,
  writeJson,
  writeQubo,
} from '../src/index.js'
import { randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)))
const spins = quadraticModel({
  vartype: 'spin',
  linear: [1, -2, 0.5],
  couplings: [
    [0, 1, 3],
    [1, 2, -1.5],
  ],
  offset: 0.25,
})

describe("D-Wave's files", () => {
  test.each(['spins.bqm', 'spins32.bqm', 'spins.json'])('%s is read as dimod wrote it', (name) => {
    expect(readProblem(fixture(name), { file: name }).model).toEqual({ ...spins, labels: undefined })
  })

  test('labels that are no texts are kept as JSON', () => {
    const { model, format } = readProblem(fixture('labelled.bqm'))
    expect([format, model.labels, model.vartype, model.offset]).toEqual(['bqm', ['a', 'b', '["c",1]'], 'binary', 0.25])
  })

  test('COO has no constant, and everything else', () => {
    expect(readProblem(fixture('spins.coo'), { file: 'spins.coo' }).model).toEqual({ ...spins, offset: 0 })
  })

  test('a file cut off anywhere is refused in one sentence', () => {
    const whole = fixture('labelled.bqm')
    for (let length = 8; length < whole.lastIndexOf(']'); length += 7)
      expect(() => readProblem(whole.subarray(0, length))).toThrow(expect.objectContaining({ code: 'QUBO_FILE' }))
  })
})

describe('graphs', () => {
  const triangle = '3 3 J\n1 2 1\n2 3 1\n1 3 1\n'

  test('a third word in the header is let pass, and the energy is minus the cut', async () => {
    const file = readProblem(triangle, { file: 'G1' })
    expect([file.format, file.warnings]).toEqual(['gset', []])
    const { energy } = await solve(file.model)
    expect([energy, cutOf(file, energy), valueIn(file, energy)]).toEqual([-2, 2, -2])
  })

  test('edges without a weight weigh 1, Windows line ends, tabs, blank lines and a missing last one are nothing special', () => {
    const odd = readProblem('\ufeff3 3\r\n1\t2\r\n\r\n 2 3 \r\n1 3')
    expect(odd.model).toEqual(readProblem(triangle).model)
  })

  test('vertices counted from 0 are understood, with a warning', () => {
    const { model, warnings } = readProblem('3 2\n0 1 1\n1 2 1\n')
    expect([model.size, [...model.rows], warnings.length]).toEqual([3, [0, 1], 1])
  })

  test('a real one has the cut that its edges say', async () => {
    const path = fileURLToPath(new URL('../../../../shared/data/gset/G1.txt', import.meta.url))
    if (!existsSync(path)) return console.log('skipped: G-set is not there')
    const text = readFileSync(path, 'utf8')
    const file = readProblem(text, { file: path })
    const { energy, solution } = await solve(file.model, { sweeps: 50, seed: 1 })
    const edges = text
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(/\s+/).map(Number))
    const cut = edges.reduce((sum, [a, b, w]) => sum + (solution[a! - 1] === solution[b! - 1] ? 0 : w!), 0)
    expect(cutOf(file, energy)).toBe(cut)
  })
})

test("biqmac's off-diagonal entries count twice, and it is minimised", () => {
  const { format, model } = readProblem('2 3\n1 1 -5\n1 2 4\n2 2 -3\n')
  expect([format, energyOf(model, [1, 1])]).toEqual(['biqmac', -5 + 8 - 3])
})

test("qbsolv's file is minimised, Beasley's instances are maximised", async () => {
  const text = 'p qubo 0 3 2 1\n0 0 -1\n1 1 4\n0 1 3\n'
  expect(readProblem(text).sense).toBe('minimise')
  const beasley = readProblem(`c from beasley file bqp50.txt\n${text}`)
  const { energy } = await solve(beasley.model)
  expect([beasley.sense, valueIn(beasley, energy)]).toEqual(['maximise', 6])
})

test('what was written is read back with the energies that it had', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 999 }),
      fc.constantFrom('binary' as const, 'spin' as const),
      (size, seed, vartype) => {
        const model = { ...randomModel(size, 0.5, seed, { vartype }), offset: 0 }
        const bits = Uint8Array.from({ length: size }, (_, i) => (seed >> i) & 1)
        const forms: [Format, string][] = [
          ['coo', writeCoo(model)],
          ['json', writeJson(model)],
        ]
        if (vartype === 'binary') forms.push(['qubo', writeQubo(model)])
        for (const [format, text] of forms)
          expect(energyOf(readProblem(text, { format }).model, bits)).toBeCloseTo(energyOf(model, bits), 9)
      },
    ),
  )
})

test.each([
  ['coo', '0 1 5 7\n', 1, '"7" stands behind the value.'],
  ['coo', '0 0 1\n0 2000000000 1\n', 2, 'There would be 2000000001 variables'],
  ['gset', '2000000000 1\n1 2 1\n', 1, 'There would be 2000000000 variables'],
  ['qubo', 'p qubo 0 2000000000 1 0\n0 0 1\n', 1, 'There would be 2000000000 variables'],
  ['json', '{"size": 2000000000}', undefined, 'at most 50000000 are read'],
  ['json', '{"size": 1, "linear": [1], "couplings": [[0, 5, 1]]}', undefined, 'Coupling 0 names variable 5 of 1'],
  ['json', '{"couplings": [[0, 1.5, 1]]}', undefined, 'names variable 1.5, which is no whole number'],
  ['json', '{"couplings": [[0, 1, 1e999]]}', undefined, 'The value of coupling 0 is too large'],
  ['json', '{"linear": [1e999]}', undefined, 'A coefficient is too large'],
  ['json', '{"linear": [1, 2, 3], "labels": ["a"]}', undefined, 'There are 1 "labels" for 3 variables.'],
  [
    'json',
    '{"variable_type": "BINARY", "linear_biases": [0, 0], "quadratic_biases": [1], "quadratic_head": [0], "quadratic_tail": []}',
    undefined,
    'different lengths',
  ],
  ['gset', '3 1\n1 2 x\n', 2, '"x" is no number.'],
  ['gset', '3 1\n1 4 1\n', 2, 'Variable 4 does not exist among 3.'],
  ['gset', '3 1\n1 1 1\n', 2, 'from a vertex to itself'],
  ['gset', '', undefined, 'The file is empty.'],
  ['coo', ' \n', undefined, 'The file is empty.'],
  ['gset', 'three 1\n', 1, '"three" is no number.'],
  ['biqmac', '3 1\n1 2\n', 2, 'A line "i j value" is expected here, not "1 2".'],
  ['biqmac', '2 2\n0 1 1\n1 2 1\n', 3, 'Variables 0 and 2 both occur among 2.'],
  ['coo', '0 0 1\n0 -1 1\n', 2, '-1 is no number of a variable.'],
  ['coo', '0 0.5 1\n', 1, '0.5 is no number of a variable.'],
  ['qubo', '0 0 1\n', 1, 'has to come before the first term'],
  ['qubo', 'p qubo 0 2 1 0\n3 3 1\n', 2, 'Variable 3 does not exist among 2.'],
  ['qubo', 'p max 0 2 1 0\n', 1, 'is no header'],
  ['qubo', 'c nothing\n', undefined, 'There is no line "p qubo …".'],
  ['json', '{"linear": [1,]}', undefined, 'The file is no JSON.'],
  ['json', '{"vartype": "ternary"}', undefined, 'neither "binary" nor "spin"'],
  ['json', '{"couplings": [[0, 1]]}', undefined, 'Coupling 0 is no [i, j, value].'],
] as const)('%s: %j is refused at its line', (format, text, line, message) => {
  try {
    readProblem(text, { format, file: 'x' })
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'QUBO_FILE', where: line === undefined ? { file: 'x' } : { file: 'x', line } })
    expect(error).toHaveProperty('message', expect.stringContaining(message))
  }
})

test('headers that count wrongly are warned of', () => {
  expect(readProblem('3 5\n1 2 1\n', { format: 'gset' }).warnings).toEqual(['The header promises 5 lines, the file has 1.'])
  expect(readProblem('p qubo 0 2 7 7\n0 0 1\n').warnings.length).toBe(1)
})

test.each(['0 1 1\n1 2 1\n', '0 2 -1\n1 2 3\n0 1 5\n', '0 3 1\n0 1 1\n1 2 -1\n2 3 2\n', '0 0 -1\n', '1 2 1\n2 3 1\n1 3 -1\n'])(
  '%j is no graph because its second number counts lines',
  (text) => {
    const { format, model } = readProblem(text, { file: 'plain.txt' })
    expect([format, model.values.length + model.linear.filter((h) => h !== 0).length]).toEqual([
      'coo',
      text.split('\n').length - 1,
    ])
  },
)

test('where the format was guessed by a header, the message says so', () => {
  expect(() => readProblem('3 2\n1 2 1\n2 x 1\n', { file: 'plain.txt' })).toThrow(
    expect.objectContaining({
      code: 'QUBO_FILE',
      actions: expect.arrayContaining([expect.objectContaining({ label: expect.stringContaining('--format coo') })]),
    }),
  )
})

test.each(['\n', '\r\n', '\r'])('lines may end in %j', (end) => {
  const { model } = readProblem(['0 1 5', '', '1 2 -3 # a comment', ''].join(end), { format: 'coo' })
  expect([...model.values]).toEqual([5, -3])
  expect(() => readProblem(['0 1 5', '', '1 x 3'].join(end), { format: 'coo' })).toThrow(
    expect.objectContaining({ where: { line: 3 } }),
  )
})

test('a comment that names Beasley is overruled', () => {
  const text = 'c converted from Beasley, negated\np qubo 0 1 1 0\n0 0 -1\n'
  expect(readProblem(text).sense).toBe('maximise')
  expect(readProblem(text, { sense: 'minimise' }).sense).toBe('minimise')
})

test('numbers that are none, or sum up to none, are refused', () => {
  const bqm = writeBqm(quadraticModel({ linear: [1, 2], couplings: [[0, 1, 3]] }))
  const view = new DataView(bqm.buffer, bqm.byteOffset)
  const header = 14 + view.getUint32(10, true)
  view.setFloat64(header + 8 + 8, Number.NaN, true)
  expect(() => readProblem(bqm)).toThrow(expect.objectContaining({ code: 'QUBO_FILE' }))
  expect(() => readProblem('0 0 1.7e308\n0 0 1.7e308\n', { format: 'coo' })).toThrow(
    expect.objectContaining({ code: 'QUBO_NOT_FINITE' }),
  )
  expect(() => quadraticModel({ linear: [-1e308, -1e308], couplings: [[0, 1, 1.7e308]] })).toThrow(
    expect.objectContaining({ code: 'QUBO_NOT_FINITE' }),
  )
})
