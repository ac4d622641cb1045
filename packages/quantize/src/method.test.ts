import { QtError, usageError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { conformance } from './conformance.js'
import { defineQuantMethod, type QuantMethodOptions } from './method.js'
import { quantizeTensor } from './quantize-tensor.js'

/** A format of its own: 16 values as bytes between the least and the greatest, both kept as float32. */
const bytes16: QuantMethodOptions = {
  name: 'BYTES16',
  blockSize: 16,
  blockBytes: 24,
  encode(values, out) {
    const view = new DataView(out.buffer, out.byteOffset)
    for (let block = 0; block < values.length / 16; block++) {
      const part = values.subarray(block * 16, block * 16 + 16)
      const [min, max] = [Math.min(...part), Math.max(...part)]
      view.setFloat32(block * 24, min, true)
      view.setFloat32(block * 24 + 4, (max - min) / 255, true)
      const step = view.getFloat32(block * 24 + 4, true)
      part.forEach((value, i) => {
        out[block * 24 + 8 + i] = step === 0 ? 0 : Math.round((value - min) / step)
      })
    }
  },
  decode(blocks, out) {
    const view = new DataView(blocks.buffer, blocks.byteOffset)
    out.forEach((_, i) => {
      const at = Math.floor(i / 16) * 24
      out[i] = view.getFloat32(at, true) + view.getFloat32(at + 4, true) * blocks[at + 8 + (i % 16)]!
    })
  },
}

describe('a method of one’s own', () => {
  for (const { name, run } of conformance(defineQuantMethod(bytes16))) it(name, run)

  it('does not conform where its own decoder fails on large values, or where it takes none', () => {
    const infinity = (change: Partial<QuantMethodOptions>) => {
      const cases = conformance(defineQuantMethod({ ...bytes16, ...change }))
      return cases.find(({ name }) => name.startsWith('never writes an infinity'))!.run
    }
    const refuse = () => {
      throw usageError('VALUE', 'No.')
    }
    expect(infinity({})).not.toThrow()
    const limit = (blocks: Uint8Array, out: Float32Array) => {
      bytes16.decode(blocks, out)
      if (out.some((value) => Math.abs(value) > 1e30)) refuse()
    }
    expect(infinity({ decode: limit })).toThrow('No.')
    expect(infinity({ encode: refuse })).toThrow('refused')
  })

  it('has no GGUF type unless it names one', () => {
    expect(defineQuantMethod(bytes16)).not.toHaveProperty('type')
  })

  it('may write blocks of a GGUF type', () => {
    const decode = (blocks: Uint8Array, out: Float32Array) => out.fill(blocks[0]!)
    const encode = (values: Float32Array, out: Uint8Array) => out.set(quantizeTensor(values, values.length, 'Q8_0'))
    expect(defineQuantMethod({ name: 'MINE', type: 'Q8_0', blockSize: 32, blockBytes: 34, encode, decode }).type).toBe('Q8_0')
  })

  it.each<[string, Partial<QuantMethodOptions>]>([
    ['name', { name: 'no good' }],
    ['blockSize', { blockSize: 0 }],
    ['blockSize', { blockSize: 1.5 }],
    ['blockBytes', { blockBytes: Number.NaN }],
    ['type', { type: 'Q4_0' }],
  ])('is refused with a wrong %s: %j', (field, change) => {
    try {
      defineQuantMethod({ ...bytes16, ...change })
    } catch (error) {
      expect(QtError.isInstance(error) && error.code === 'QUANT_METHOD_INVALID' && error.where?.field).toBe(field)
      return
    }
    expect.unreachable()
  })

  it('gets a clean output and finite values of whole blocks', () => {
    const seen: number[] = []
    const method = defineQuantMethod({ ...bytes16, encode: (_, out) => seen.push(...out) })
    method.encode(new Float32Array(16), new Uint8Array(24).fill(9))
    expect(seen).toEqual(Array(24).fill(0))
  })

  it('refuses an importance of the wrong length or sign', () => {
    const method = defineQuantMethod(bytes16)
    for (const importance of [new Float32Array(15), new Float32Array(16).fill(-1), new Float32Array(16).fill(Number.NaN)])
      expect(() => method.encode(new Float32Array(16), new Uint8Array(24), importance)).toThrow(QtError)
  })
})

/** Takes scales that a float16 rounds up to infinity. */
const beyondHalf: Partial<QuantMethodOptions> = {
  encode(values, out) {
    const largest = Math.max(...values.map(Math.abs))
    if (largest > 65528) throw usageError('QUANT_OUT_OF_RANGE', 'Too large.', { actions: ['Use smaller values.'] })
    new Float32Array(out.buffer, out.byteOffset)[0] = largest > 65519 ? Number.POSITIVE_INFINITY : largest
  },
  decode: (blocks, out) => out.fill(new DataView(blocks.buffer, blocks.byteOffset).getFloat32(0, true)),
}

describe('the conformance suite', () => {
  it.each<[string, Partial<QuantMethodOptions>, string]>([
    ['loses too much', { encode: (_, out) => out.fill(0) }, 'keeps the error within its bound'],
    ['depends on chance', { encode: (_, out) => out.fill(Math.random() * 256) }, 'is deterministic and leaves its input alone'],
    ['writes what it cannot read back', beyondHalf, 'never writes an infinity, up to the largest values that it takes'],
    ['changes its input', { encode: (values) => values.fill(0) }, 'is deterministic and leaves its input alone'],
  ])('fails a method that %s', (_, change, name) => {
    const failing = conformance(defineQuantMethod({ ...bytes16, ...change })).find((test) => test.name === name)!
    expect(failing.run).toThrow()
  })
})
