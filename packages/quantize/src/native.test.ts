import { QtError, tensorTypes, uniform } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { type Binding, binding } from './binding.js'
import { quantMethods } from './registry.js'

const native = binding()
if (native instanceof Error) console.log('skipped: the addon is not built (npm run build:native)')
const addon = native instanceof Error ? undefined : native
const kernels = addon?.availableKernels() ?? []

const word = new Uint32Array(1)
const bitsAsFloat = new Float32Array(word.buffer)
const random = (purpose: number) => (i: number) => uniform(purpose, 'sample', 0, i)

/** Values that have gone wrong somewhere, by name; 37 blocks, so that no group of lanes is full at the end. */
const inputs: Record<string, (i: number) => number> = {
  ordinary: (i) => random(1)(i) * 2 - 1,
  'any bits, NaN and infinities too': (i) => {
    word[0] = Math.floor(random(2)(i) * 2 ** 32)
    return bitsAsFloat[0]!
  },
  ties: (i) => (Math.floor(random(3)(i) * 31) - 15) * 0.5,
  'zeros of both signs': (i) => (random(4)(i) < 0.5 ? 0 : -0),
  'equal values': () => -0.3,
  outliers: (i) => (i % 32 === 31 ? -60000 : (random(5)(i) - 0.5) * 1e-3),
  subnormal: (i) => (random(6)(i) - 0.5) * 2 ** -128,
  least: (i) => (i % 2 === 0 ? 2 ** -149 : -(2 ** -149)),
  'half subnormal': (i) => (random(7)(i) - 0.5) * 2 ** -14,
  'too large for a half': (i) => (i < 1100 ? random(8)(i) : 3e38 * (random(8)(i) - 0.5)),
  'every magnitude': (i) => (random(9)(i) - 0.5) * 2 ** (Math.floor(random(10)(Math.floor(i / 32)) * 250) - 130),
}

describe.each(kernels)('encoders of %s', (name) => {
  const { encode } = addon as Binding
  describe.each(quantMethods.map((method) => ({ type: method.name, method })))('$type', ({ method }) => {
    it.each(Object.entries(inputs))('agree with the reference on values: %s', (_, value) => {
      // The references of the searched types are slow.
      for (const blocks of method.name.startsWith('IQ') && method.blockSize > 32 ? [1, 3] : [1, 37]) {
        const values = Float32Array.from({ length: Math.max(32, method.blockSize) * blocks }, (_, i) => value(i))
        const size = (values.length / method.blockSize) * method.blockBytes
        const [expected, written] = [new Uint8Array(size), new Uint8Array(size)]
        const fault = encode(tensorTypes[method.type].id, values, values.length, null, written, name)
        try {
          method.encode(values, expected)
        } catch (error) {
          if (!QtError.isInstance(error)) throw error
          const code = fault?.kind === 'not-finite' ? 'QUANT_NOT_FINITE' : 'QUANT_OUT_OF_RANGE'
          expect([code, `[${fault?.index}]`]).toEqual([error.code, error.where?.field])
          continue
        }
        expect(fault).toBeNull()
        expect(Buffer.compare(written, expected)).toBe(0)
      }
    })
  })
})
