import { deepEqual, notEqual, ok, throws } from 'node:assert/strict'
import { QtError, uniform } from '@qt/core'
import type { QuantFormat } from './method.js'

export interface ConformanceOptions {
  /**
   * The largest √Σ(x − x′)²/n allowed on 4096 values of 0.1 + 2·cos i: what llama.cpp's own tests ask, 0.002 by default
   * and 0.0040 for three, 0.0075 for two bits.
   */
  readonly error?: number | undefined
  /** How far single values may be off, as a part of the largest: a half by default, more where a type has few combinations. */
  readonly off?: number | undefined
}

export interface ConformanceCase {
  readonly name: string
  readonly run: () => void
}

/**
 * What every quantisation method must do, as cases for any test runner.
 *
 * @example
 * ```ts
 * import { conformance } from '@qt/quantize/test'
 * import { describe, it } from 'vitest'
 * describe('Q3_X', () => { for (const { name, run } of conformance(q3x, { error: 0.004 })) it(name, run) })
 * ```
 */
export function conformance(method: QuantFormat, options: ConformanceOptions = {}): ConformanceCase[] {
  const { blockSize, blockBytes } = method
  const { off = 0.5 } = options
  const encode = (values: Float32Array) => {
    const out = new Uint8Array((values.length / blockSize) * blockBytes)
    method.encode(values, out)
    return out
  }
  const decode = (blocks: Uint8Array) => {
    const out = new Float32Array((blocks.length / blockBytes) * blockSize)
    method.decode(blocks, out)
    return out
  }
  const blocks = (count: number, value: (index: number) => number) =>
    Float32Array.from({ length: count * blockSize }, (_, i) => value(i))
  const normal = (i: number) => uniform(7, 'sample', 0, i) * 2 - 1
  const refused = (work: () => void) => throws(work, (error) => QtError.isInstance(error))

  return [
    {
      name: 'keeps the error within its bound',
      run() {
        const values = blocks(Math.ceil(4096 / blockSize), (i) => 0.1 + 2 * Math.cos(i))
        const decoded = decode(encode(values))
        const squares = values.reduce((sum, value, i) => sum + (value - decoded[i]!) ** 2, 0)
        const error = Math.sqrt(squares) / values.length
        ok(error <= (options.error ?? 0.002), `error ${error}`)
      },
    },
    {
      name: 'is deterministic and leaves its input alone',
      run() {
        const values = blocks(8, normal)
        const copy = values.slice()
        const first = encode(values)
        const dirty = first.slice().fill(0xa5)
        method.encode(values, dirty)
        deepEqual(dirty, first)
        deepEqual(values, copy)
      },
    },
    {
      name: 'encodes each block by itself',
      run() {
        const values = blocks(4, normal)
        const whole = encode(values)
        for (let i = 0; i < 4; i++)
          deepEqual(encode(values.slice(i * blockSize, (i + 1) * blockSize)), whole.slice(i * blockBytes, (i + 1) * blockBytes))
      },
    },
    {
      name: 'decodes zeros to zeros',
      run() {
        for (const zero of [0, -0]) ok(decode(encode(blocks(2, () => zero))).every((value) => value === 0))
      },
    },
    {
      name: 'gives finite values close to equal ones, outliers and numbers too small for a float16',
      run() {
        const inputs: [string, Float32Array, number][] = [
          ['equal', blocks(1, () => 0.75), 0.75 * off],
          ['outlier', blocks(1, (i) => (i === blockSize - 1 ? -1000 : normal(i))), 1000 * off],
          ['alternating', blocks(1, (i) => (i % 2 === 0 ? 3 : -3)), 3 * off],
          ['subnormal', blocks(1, (i) => normal(i) * 2 ** -130), 1e-6],
          ['least', blocks(1, (i) => (i % 2 === 0 ? 2 ** -149 : -(2 ** -149))), 1e-6],
        ]
        for (const [name, values, most] of inputs)
          decode(encode(values)).forEach((value, i) => {
            ok(Math.abs(value - values[i]!) <= most, `${name}: ${values[i]} became ${value}`)
          })
      },
    },
    {
      name: 'refuses NaN and infinities and names the position',
      run() {
        for (const hostile of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
          const values = blocks(2, normal)
          const position = 2 * blockSize - 1
          values[position] = hostile
          throws(
            () => encode(values),
            (error) => QtError.isInstance(error) && error.message.includes(String(position)),
          )
        }
      },
    },
    {
      name: 'never writes an infinity, up to the largest values that it takes',
      run() {
        const shapes: [string, (i: number) => number][] = [
          ['alternating', (i) => (i % 2 === 0 ? 1 : -1)],
          ['rising', (i) => (i + 1) / blockSize],
          ['an outlier', (i) => (i === 0 ? -1 : 0)],
        ]
        for (const [name, shape] of shapes) {
          const encoded = (size: number) => {
            try {
              return encode(blocks(1, (i) => size * shape(i)))
            } catch (error) {
              ok(QtError.isInstance(error), String(error))
              return undefined
            }
          }
          ok(encoded(1), `${name} values up to 1 are refused`)
          const size = largest((candidate) => encoded(candidate) !== undefined)
          ok(decode(encoded(size)!).every(Number.isFinite), `${name} values as large as ${size} became infinite`)
        }
      },
    },
    {
      name: 'refuses rows that are no whole blocks and outputs of the wrong length',
      run() {
        const one = new Uint8Array(blockBytes)
        if (blockSize > 1) refused(() => method.encode(new Float32Array(blockSize + 1), one))
        refused(() => method.encode(new Float32Array(blockSize), new Uint8Array(blockBytes + 1)))
        refused(() => method.encode(new Float32Array(2 * blockSize), one))
        refused(() => method.decode(one, new Float32Array(blockSize + 1)))
        if (blockBytes > 1) refused(() => method.decode(new Uint8Array(blockBytes + 1), new Float32Array(blockSize)))
      },
    },
    {
      name: 'tells different blocks apart',
      run() {
        const hex = (values: Float32Array) => Buffer.from(encode(values)).toString('hex')
        notEqual(hex(blocks(1, normal)), hex(blocks(1, (i) => -normal(i))))
      },
    },
  ]
}

/** The largest number that is taken, where the ones above it are refused; found by halving the bits of float32. */
function largest(taken: (value: number) => boolean): number {
  const bits = new Uint32Array(1)
  const number = new Float32Array(bits.buffer)
  const at = (place: number) => {
    bits[0] = place
    return number[0]!
  }
  number[0] = 3.4e38
  let [low, high] = [0, bits[0]!]
  if (taken(at(high))) return at(high)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (taken(at(middle))) low = middle
    else high = middle
  }
  return at(low)
}
