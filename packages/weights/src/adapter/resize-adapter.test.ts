import { expect, it } from 'vitest'
import { fixture } from '../../test/files.js'
import { truncatedSvd } from '../merge/svd.js'
import { openModel } from '../model/open-model.js'
import type { AdapterModule } from './adapter.js'
import { readAdapter } from './read.js'
import { resizeAdapter } from './resize-adapter.js'

const { spec } = await openModel(fixture('tiny-llama.gguf'))
const adapter = await readAdapter(fixture('adapter'), spec)
const name = 'blk.0.ffn_down.weight'

/** scale · b · a. */
function product({ a, b, rank, scale }: AdapterModule): Float32Array {
  const [outputs, inputs] = [b.length / rank, a.length / rank]
  return Float32Array.from({ length: outputs * inputs }, (_, i) => {
    let sum = 0
    for (let k = 0; k < rank; k++) sum += b[Math.floor(i / inputs) * rank + k]! * a[k * inputs + (i % inputs)]!
    return scale * sum
  })
}
const distance = (x: Float32Array, y: Float32Array) => Math.sqrt(x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0))

it('changes nothing where it adds directions, which are those of a new adapter', () => {
  const before = adapter.modules.get(name)!
  const larger = resizeAdapter(adapter, spec, { ranks: new Map([[name, 9]]) })
  const after = larger.modules.get(name)!
  expect([after.rank, after.scale]).toEqual([9, before.scale])
  expect(distance(product(after), product(before))).toBeLessThan(1e-5 * distance(product(before), new Float32Array(1e4)))
  const [outputs, inputs] = [after.b.length / 9, after.a.length / 9]
  for (let i = 0; i < outputs; i++) expect([...after.b.subarray(i * 9 + before.rank, (i + 1) * 9)]).toEqual([0, 0, 0, 0, 0])
  const added = after.a.subarray(before.rank * inputs)
  expect(Math.max(...added)).toBeLessThanOrEqual(1 / Math.sqrt(inputs))
  expect(Math.max(...added)).toBeGreaterThan(0.8 / Math.sqrt(inputs))
  // The others keep their rank.
  expect(larger.modules.get('blk.0.attn_q.weight')!.rank).toBe(adapter.modules.get('blk.0.attn_q.weight')!.rank)
})

it('keeps the largest directions where it takes some away', () => {
  const before = adapter.modules.get(name)!
  const smaller = resizeAdapter(adapter, spec, { ranks: new Map([[name, 2]]) }).modules.get(name)!
  const whole = product(before)
  const [outputs, inputs] = [before.b.length / before.rank, before.a.length / before.rank]
  const { values } = truncatedSvd(whole, outputs, inputs, before.rank)
  // Nothing of rank 2 is nearer (Eckart and Young).
  expect(distance(product(smaller), whole)).toBeCloseTo(Math.hypot(...values.slice(2)), 4)
  expect(Math.abs(values[2]!)).toBeGreaterThan(1e-3)
})

it('gives directions without anything learned numbers that can learn', () => {
  const before = adapter.modules.get(name)!
  const fresh = { ...adapter, modules: new Map([[name, { ...before, b: new Float32Array(before.b.length) }]]) }
  const after = resizeAdapter(fresh, spec, { ranks: new Map([[name, 6]]) }).modules.get(name)!
  const inputs = before.a.length / before.rank
  expect([...after.a.subarray(0, before.rank * inputs)]).toEqual([...before.a])
  for (let k = 0; k < 6; k++) expect(after.a.subarray(k * inputs, (k + 1) * inputs).some((value) => value !== 0)).toBe(true)
  expect(() => resizeAdapter(adapter, spec, { ranks: new Map([[name, 0]]) })).toThrow('rank 0')
})
