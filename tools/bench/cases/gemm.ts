import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase, Measures, Metric } from '../case.js'
import { oraclesPython } from '../oracles.js'
import { matrixProducts } from '../training-peers.js'

const native = 'packages/trainer-native/native'
const program = join(root, native, 'build/release/product_bench')

/** Rows × columns × depth of SmolLM2-135M's products over 2,048 tokens; t: the weights' rows run along depth, as backwards. */
const shapes = ['2048x576x576', '2048x1536x576', '2048x576x1536', '2048x192x576', '2048x1536x576t', '256x49152x576']
const threads = availableParallelism()

const kinds = {
  bfloat16: { bar: 0.85, ours: 'bfloat16 BF16' },
  float32: { bar: 0.9, ours: 'float32  F32' },
} as const
type Kind = keyof typeof kinds

/** Our product of an activation with stored weights, packing counted, against PyTorch's (oneDNN, MKL). */
export const gemmCases: Readonly<Record<string, MakeCase>> = Object.fromEntries(
  (['bfloat16', 'float32'] as const).map((kind) => [
    `gemm-${kind}`,
    async () => ({
      name: `gemm-${kind}`,
      title: `matrix products in ${kind}, GFLOP/s, ${threads} threads`,
      conditions:
        'Rows × columns × depth; best of several repeats of each, operands in memory. Ours packs the activations and decodes the weights each time. Overall: all arithmetic by all the time.',
      metrics: [
        { key: 'overall', title: 'overall', digits: 0, better: 'higher' },
        ...shapes.map((shape): Metric => ({ key: shape, title: shape, digits: 0, better: 'higher' })),
      ],
      bar: kinds[kind].bar,
      inputs: [],
      ours: [ours(kind)],
      peers: [peer(kind)],
    }),
  ]),
)

function ours(kind: Kind): Contender | Absent {
  const name = 'product_bench'
  if (!existsSync(program))
    return { name, absent: `build it: cmake -S ${native} -B ${native}/build/release && cmake --build ${native}/build/release` }
  return {
    name,
    command: [program, `${threads}`, 'best'],
    parse: ({ stdout }) => {
      const line = stdout.split('\n').find((text) => text.includes(kinds[kind].ours))
      if (line === undefined) throw new Error(`no line of ${kind}: this processor multiplies it as float32`)
      return rated(
        Object.fromEntries([...line.matchAll(/(\d+x\d+x\d+t?) (\d+)/g)].map(([, shape, rate]) => [shape, Number(rate)])),
      )
    },
  }
}

const rates = z.record(z.string(), z.number())

function peer(kind: Kind): Contender | Absent {
  const name = 'PyTorch matmul'
  const python = oraclesPython()
  if (python === undefined) return { name, absent: 'PyTorch is not installed; QT_ORACLES names the Python that has it' }
  return {
    name,
    command: [python, '-c', matrixProducts, kind, `${threads}`, ...shapes],
    parse: ({ stdout }) => rated(rates.parse(JSON.parse(stdout))),
  }
}

function rated(byShape: Readonly<Record<string, number>>): Measures {
  const work = shapes.map((shape) =>
    shape
      .replace('t', '')
      .split('x')
      .reduce((product, side) => product * Number(side), 1),
  )
  const time = shapes.reduce((sum, shape, index) => sum + work[index]! / (byShape[shape] ?? Number.NaN), 0)
  return { ...byShape, overall: work.reduce((sum, value) => sum + value, 0) / time }
}
