import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { readSafetensors } from '../safetensors/read.js'
import { extractAdapter } from './extract-adapter.js'
import { merge } from './merge.js'
import { symmetricEigen, truncatedSvd } from './svd.js'

/** Numbers that look random and are the same everywhere. */
const wave = (length: number, step: number) => Float32Array.from({ length }, (_, i) => Math.sin(step * (i + 1) ** 2))

/** Frobenius norm of A − Σ σ·u·vᵀ. */
function residual(matrix: Float32Array, rows: number, columns: number, rank: number): number {
  const { values, left, right } = truncatedSvd(matrix, rows, columns, rank)
  let sum = 0
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      let made = 0
      for (let k = 0; k < values.length; k++) made += left[row * values.length + k]! * values[k]! * right[k * columns + column]!
      sum += (matrix[row * columns + column]! - made) ** 2
    }
  return Math.sqrt(sum)
}

describe('truncatedSvd', () => {
  it('leaves what the exact decomposition leaves', () => {
    const [rows, columns] = [40, 60]
    const matrix = wave(rows * columns, 0.37)
    const gram = new Float64Array(rows * rows)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < rows; j++)
        for (let k = 0; k < columns; k++) gram[i * rows + j]! += matrix[i * columns + k]! * matrix[j * columns + k]!
    const { values } = symmetricEigen(gram, rows)
    for (const rank of [1, 8, 30, 40]) {
      const best = Math.sqrt(values.subarray(rank).reduce((sum, value) => sum + Math.max(0, value), 0))
      expect(residual(matrix, rows, columns, rank)).toBeLessThan(best * 1.02 + 1e-4)
    }
  })

  it('is exact for a matrix of small rank, and for one of zeros', () => {
    const [left, right] = [wave(300 * 3, 0.11), wave(3 * 200, 0.23)]
    const matrix = new Float32Array(300 * 200)
    for (let row = 0; row < 300; row++)
      for (let column = 0; column < 200; column++)
        for (let k = 0; k < 3; k++) matrix[row * 200 + column]! += left[row * 3 + k]! * right[k * 200 + column]!
    expect(residual(matrix, 300, 200, 3)).toBeLessThan(1e-3)
    expect(truncatedSvd(new Float32Array(12), 3, 4, 2).values).toEqual(new Float64Array(2))
  })
})

describe('extractAdapter', () => {
  it('finds an adapter again that was merged', async () => {
    const folder = temporaryFolder()
    const base = fixture('tiny-llama')
    await merge({ base, adapters: [{ path: fixture('adapter') }], out: `${folder}/tuned` })
    const found = await extractAdapter({ base, model: `${folder}/tuned`, rank: 4, out: `${folder}/found` })
    expect(found).toMatchObject({ modules: 14, leftOut: [] })
    expect(found.error).toBeLessThan(1e-4)
    await merge({ base, adapters: [{ path: `${folder}/found` }], out: `${folder}/again` })
    const [mine, expected] = [
      await readSafetensors(`${folder}/again/model.safetensors`),
      await readSafetensors(`${folder}/tuned/model.safetensors`),
    ]
    for (const name of expected.tensors.keys()) {
      const [left, right] = [decodeBlocks('F32', await mine.read(name)), decodeBlocks('F32', await expected.read(name))]
      left.forEach((value, i) => void expect(value).toBeCloseTo(right[i]!, 5))
    }
  })

  it('says how much a smaller rank leaves out, and what no adapter can hold', async () => {
    const [base, model] = [fixture('merges/base'), fixture('merges/a')]
    const folder = temporaryFolder()
    const small = await extractAdapter({ base, model, rank: 2, out: `${folder}/two` })
    const large = await extractAdapter({ base, model, rank: 8, out: `${folder}/eight` })
    expect(small.error).toBeGreaterThan(large.error)
    expect(large.error).toBeGreaterThan(0.1)
    expect(small.leftOut).toEqual(expect.arrayContaining(['token_embd.weight', 'output_norm.weight']))
  })

  it('refuses a model that is the base, and ranks that are none', async () => {
    const base = fixture('tiny-llama')
    const out = `${temporaryFolder()}/found`
    await expect(extractAdapter({ base, model: base, rank: 4, out })).rejects.toMatchObject({ code: 'MERGE_EMPTY' })
    await expect(extractAdapter({ base, model: base, rank: 0, out })).rejects.toMatchObject({ code: 'MERGE_RANK' })
  })
})
