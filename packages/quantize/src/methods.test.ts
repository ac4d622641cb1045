import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { QtError, tensorTypes } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { conformance } from './conformance.js'
import { quantMethods } from './registry.js'

const fixture = (name: string) => readFileSync(new URL(`../test/fixtures/${name}`, import.meta.url))
const floatsOf = (bytes: Uint8Array) => new Float32Array(new Uint8Array(bytes).buffer)
const values = floatsOf(fixture('values.bin'))
const decoded: Record<string, number> = JSON.parse(fixture('decoded.json').toString())

describe.each(quantMethods.map((method) => ({ name: method.name, method })))('$name', ({ name, method }) => {
  it('writes the bytes gguf-py writes, on ordinary and on hard values', () => {
    const out = new Uint8Array((values.length / method.blockSize) * method.blockBytes)
    method.encode(values, out)
    const expected = fixture(`${name}.bin`)
    const first = out.findIndex((byte, i) => byte !== expected[i])
    expect({ first, block: Math.floor(first / method.blockBytes) }).toEqual({ first: -1, block: -1 })
    expect(out.length).toBe(expected.length)
  })

  it('decodes to the values gguf-py decodes to', () => {
    const blocks = new Uint8Array(fixture(`${name}.bin`))
    const out = new Float32Array((blocks.length / method.blockBytes) * method.blockSize)
    method.decode(blocks, out)
    expect(crc32(new Uint8Array(out.buffer))).toBe(decoded[name])
  })

  it('has the block of its GGUF type', () => {
    expect(tensorTypes[method.type]).toMatchObject({ blockSize: method.blockSize, blockBytes: method.blockBytes })
  })

  for (const { name, run } of conformance(method)) it(name, run)

  it('refuses values whose scale would be infinite', () => {
    const huge = new Float32Array(32).fill(3.4028234e38)
    huge[1] = -3.4028234e38
    const out = new Uint8Array((32 / method.blockSize) * method.blockBytes)
    expect(() => method.encode(huge, out)).toThrow(QtError)
  })
})

describe('blocks of zeros', () => {
  // ggml-quants.c begins with max = +0 and never replaces it by −0: the scale is −0 whatever the sign of the zeros.
  it.each(['Q4_0', 'Q5_0'])('%s has the scale −0 for zeros of either sign', (name) => {
    const method = quantMethods.find((candidate) => candidate.name === name)!
    for (const zero of [0, -0]) {
      const out = new Uint8Array(method.blockBytes)
      method.encode(new Float32Array(32).fill(zero), out)
      expect([out[0], out[1]]).toEqual([0x00, 0x80])
    }
  })
})
