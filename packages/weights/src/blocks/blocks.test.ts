import { type TensorType, tensorTypes } from '@qt/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixture } from '../../test/files.js'
import { readGguf } from '../gguf/read.js'
import { decodableTypes, decodeBlocks } from './decode.js'
import { encodeFloats } from './encode.js'
import { halfToNumber, numberToHalf } from './half.js'

describe('decodeBlocks', () => {
  it.each(['blocks.gguf', 'k_blocks.gguf'])('decodes the tensors of %s exactly as gguf-py does', async (name) => {
    const file = await readGguf(fixture(name))
    const types = decodableTypes.filter((type) => file.tensors.has(type))
    expect(types.length).toBeGreaterThan(5)
    for (const type of types) {
      const expected = new Float32Array((await file.read(`${type}.expected`)).buffer)
      expect(decodeBlocks(type, await file.read(type))).toEqual(expected)
    }
  })

  it('names a type that it cannot decode', () => {
    expect(() => decodeBlocks('I32', new Uint8Array(tensorTypes.I32.blockBytes))).toThrow('I32')
  })

  it('refuses bytes that are not whole blocks', () => {
    expect(() => decodeBlocks('Q4_0', new Uint8Array(19))).toThrow('19 bytes')
  })
})

describe('encodeFloats', () => {
  it('rounds to half precision as the nearest of all halves, ties to even', () => {
    const bits = (value: number): number => new Uint16Array(encodeFloats('F16', Float32Array.of(value)).buffer)[0]!
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65519, max: 65519 }), (value) => {
        const encoded = bits(value)
        const error = Math.abs(halfToNumber(encoded) - value)
        for (const neighbour of [encoded - 1, encoded + 1]) {
          const other = Math.abs(halfToNumber(neighbour & 0xffff) - value)
          if (Number.isFinite(other) && Math.sign(halfToNumber(neighbour & 0xffff)) === Math.sign(value))
            expect(error < other || (error === other && encoded % 2 === 0)).toBe(true)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('gives every half back', () => {
    for (let half = 0; half < 65536; half++) {
      const value = halfToNumber(half)
      if (!Number.isNaN(value)) expect(numberToHalf(value)).toBe(half)
    }
    expect(halfToNumber(numberToHalf(Number.NaN))).toBeNaN()
    expect(numberToHalf(1e9)).toBe(0x7c00)
  })

  it('gives every bfloat16 back, and keeps NaN', () => {
    const all = decodeBlocks('BF16', new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer))
    const again = new Uint16Array(encodeFloats('BF16', all).buffer)
    for (let i = 0; i < 65536; i++) if (!Number.isNaN(all[i]!)) expect(again[i]).toBe(i)
    expect(decodeBlocks('BF16' satisfies TensorType, encodeFloats('BF16', Float32Array.of(Number.NaN)))[0]).toBeNaN()
  })
})
