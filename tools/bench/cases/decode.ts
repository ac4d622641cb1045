import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hardware } from '@qt/quantize'
import { buildNative } from '../../src/native.js'
import type { Absent, Contender, Finished, MakeCase } from '../case.js'
import { oraclesPython } from '../oracles.js'

/** Types that gguf-py decodes, too; it has none for F16 and F32, which are numbers to numpy. */
const types = [
  ...['BF16', 'Q8_0', 'Q6_K', 'Q5_1', 'Q5_K', 'Q5_0', 'Q4_1', 'Q4_K', 'Q4_0', 'IQ4_NL', 'NVFP4', 'IQ4_XS', 'MXFP4', 'Q3_K'],
  ...['IQ3_S', 'IQ3_XXS', 'Q2_K', 'IQ2_S', 'IQ2_XS', 'IQ2_XXS', 'TQ2_0', 'IQ1_M', 'TQ1_0', 'IQ1_S'],
]

/** Decodes 8 million values, best of three; random blocks whose scales are finite numbers. */
const numpy = (type: string) => `
import sys, time
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants
kind = T.${type}
size, width = GGML_QUANT_SIZES[kind]
blocks = np.random.default_rng(0).integers(0, 64, (2**23 // size, width), dtype=np.uint8)
best = 1e9
for _ in range(3):
    start = time.perf_counter()
    values = quants.dequantize(blocks, kind)
    best = min(best, time.perf_counter() - start)
print("rate", values.size * 4 / best / 1e9)
`

/** GB of float32 a second, after the last word that says it. */
const rate = ({ stdout }: Finished) => {
  const said = Number(stdout.trim().split(/\s+/).at(-1))
  if (!(said > 0)) throw new Error(`no rate in: ${stdout}`)
  return { rate: said }
}

const decode =
  (type: string): MakeCase =>
  async () => ({
    name: caseName(type),
    title: `GB a second of float32 out of ${type}, one thread`,
    conditions:
      'Ours into a tile that stays in the second-level cache, as the engine and the encoders decode; gguf-py 8 million values.',
    metrics: [{ key: 'rate', title: 'GB/s', digits: 2, better: 'higher' }],
    inputs: [],
    ours: [await ours(type)],
    peers: [peer(type)],
  })

const caseName = (type: string) => `decode-${type.toLowerCase()}`

async function ours(type: string): Promise<Contender | Absent> {
  const name = 'qt/blocks.hpp'
  const [best] = hardware().kernels
  const program = best === 'baseline' ? 'decode_bench' : `decode_bench_${best}`
  const built = await buildNative('weights', 'release', ['-DCMAKE_BUILD_TYPE=Release'])
  if (typeof built === 'string') return { name, absent: built }
  const path = join(built.build, program)
  if (!existsSync(path)) return { name, absent: `${program} was not built` }
  return { name: `${name}, ${best}`, command: [path, type], parse: rate }
}

function peer(type: string): Contender | Absent {
  const python = oraclesPython()
  const name = 'gguf-py (numpy)'
  if (python === undefined) return { name, absent: 'there is no Python with the peers' }
  return { name, command: [python, '-c', numpy(type)], env: { OMP_NUM_THREADS: '1' }, parse: rate }
}

export const decodeCases: Readonly<Record<string, MakeCase>> = Object.fromEntries(
  types.map((type) => [caseName(type), decode(type)]),
)
