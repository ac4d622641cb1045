import { existsSync, readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { QtError, type QuantMethod, tensorTypes } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { conformance } from './conformance.js'
import { quantMethods } from './registry.js'

const place = (name: string) => new URL(`../test/fixtures/${name}`, import.meta.url)
const fixture = (name: string) => readFileSync(place(name))
const floatsOf = (bytes: Uint8Array) => new Float32Array(new Uint8Array(bytes).buffer)
const values = floatsOf(fixture('values.bin'))
const decoded: Record<string, number> = JSON.parse(fixture('decoded.json').toString())

// Hard values in rows, and a weight for each of their columns.
const rows = floatsOf(fixture('llama/values.bin'))
const importance = floatsOf(fixture('llama/importance.bin'))
const columns = importance.length

const encode = (method: QuantMethod, input: Float32Array) => {
  const out = new Uint8Array((input.length / method.blockSize) * method.blockBytes)
  method.encode(input, out)
  return out
}

function expectSame({ blockBytes }: QuantMethod, out: Uint8Array, expected: Uint8Array): void {
  const first = out.findIndex((byte, i) => byte !== expected[i])
  expect({ first, block: Math.floor(first / blockBytes) }).toEqual({ first: -1, block: -1 })
  expect(out.length).toBe(expected.length)
}

/** What llama.cpp's own tests allow: more for fewer bits. */
const bounds: Record<string, number> = {
  ...{ Q3_K: 0.004, IQ3_S: 0.004, IQ3_XXS: 0.005, Q2_K: 0.0075, IQ2_S: 0.0075, IQ2_XS: 0.0075, IQ2_XXS: 0.0075 },
  ...{ IQ1_M: 0.0125, IQ1_S: 0.0125, TQ1_0: 0.01, TQ2_0: 0.01, MXFP4: 0.0075, NVFP4: 0.003 },
  ...{ Q2_0: 0.01, Q1_0: 0.0125 },
}

/** How far an outlier may be off; Q1_0 has but one magnitude a block. */
const off: Record<string, number> = { IQ2_XXS: 0.75, Q1_0: 1 }

/** Hold every finite value, have scales that reach further than float16, or cut off what is larger. */
const unlimited = ['F32', 'Q8_K', 'MXFP4', 'NVFP4']

describe.each(quantMethods.map((method) => ({ name: method.name, method })))('$name', ({ name, method }) => {
  const inRows = existsSync(place(`llama/${name}.bin`))
  const file = name === 'F32' ? 'values' : name

  it('writes the bytes llama.cpp writes, on ordinary and on hard values', () => {
    const [input, expected] = inRows ? [rows, fixture(`llama/${name}.bin`)] : [values, fixture(`${file}.bin`)]
    expectSame(method, encode(method, input), expected)
  })

  it.runIf(existsSync(place(`llama/${name}.weighted.bin`)))('writes the bytes llama.cpp writes with importance', () => {
    const bytes = (columns / method.blockSize) * method.blockBytes
    const out = new Uint8Array((rows.length / columns) * bytes)
    for (let row = 0; row < rows.length / columns; row++)
      method.encode(rows.subarray(row * columns, (row + 1) * columns), out.subarray(row * bytes, (row + 1) * bytes), importance)
    expectSame(method, out, fixture(`llama/${name}.weighted.bin`))
  })

  it.skipIf(decoded[name] === undefined)('decodes to the values gguf-py decodes to', () => {
    const blocks = new Uint8Array(fixture(`${name}.bin`))
    const out = new Float32Array((blocks.length / method.blockBytes) * method.blockSize)
    method.decode(blocks, out)
    expect(crc32(new Uint8Array(out.buffer))).toBe(decoded[name])
  })

  it('has the block of its GGUF type', () => {
    expect(tensorTypes[method.type]).toMatchObject({ blockSize: method.blockSize, blockBytes: method.blockBytes })
  })

  for (const { name: behaviour, run } of conformance(method, { error: bounds[name], off: off[name] })) it(behaviour, run)

  it.skipIf(unlimited.includes(name))('refuses values whose scale would be infinite', () => {
    const huge = new Float32Array(Math.max(32, method.blockSize)).fill(3.4028234e38)
    huge[1] = -3.4028234e38
    expect(() => encode(method, huge)).toThrow(QtError)
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
