import { describe, expect, it } from 'vitest'
import { wasmKernel } from './wasm-kernel.js'

// examples/my-quant-method has one that works, held against TypeScript.
describe('wasmKernel', () => {
  const sizes = { blockSize: 32, blockBytes: 18 }
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  // (import "a" "b" (func)), of type (func).
  const importing = [...header, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0]
  const exported = (name: string, kind: number, index: number) => [name.length, ...Buffer.from(name), kind, index]
  const section = (id: number, ...body: number[]) => [id, body.length, ...body]
  const memory = section(5, 1, 0, 1)
  const silent = [...header, ...memory, ...section(7, 1, ...exported('memory', 2, 0))]
  /** encode(i32 × 4) → i32 and decode(i32 × 3), of one page to begin with. */
  const kernel = (encode: number[], decode: number[], pages = [0, 1]) =>
    Uint8Array.from([
      ...[...header, ...section(1, 2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7f, 0x7f, 0)],
      ...[...section(3, 2, 0, 1), ...section(5, 1, ...pages)],
      ...section(7, 3, ...exported('memory', 2, 0), ...exported('encode', 0, 0), ...exported('decode', 0, 1)),
      ...section(10, 2, encode.length + 2, 0, ...encode, 0x0b, decode.length + 2, 0, ...decode, 0x0b),
    ])
  const grow = [0x41, 1, 0x40, 0, 0x1a]
  // (i32.store8 (local.get at) (i32.load8_u (local.get from)))
  const copy = (at: number, from: number) => [0x20, at, 0x20, from, 0x2d, 0, 0, 0x3a, 0, 0]
  // Byte 100, which the module may use, becomes 255.
  const scribble = [0x41, 0xe4, 0, 0x41, 0x7f, 0x3a, 0, 0]

  it.each([
    ['is no module', [1, 2, 3], 'runs by itself'],
    ['asks for functions', importing, 'runs by itself'],
    ['has no memory', header, 'its memory'],
    ['has no functions', silent, 'encode and decode'],
  ])('refuses what %s', (_, bytes, message) => {
    const make = () => wasmKernel(Uint8Array.from(bytes), sizes)
    expect(make).toThrow(expect.objectContaining({ code: 'QUANT_METHOD_INVALID' }))
    expect(make).toThrow(message)
  })

  it('works with a kernel whose memory grows, and keeps out of the memory that it began with', () => {
    const { encode, decode } = wasmKernel(kernel([...grow, ...scribble, ...copy(1, 0), 0x41, 0], [...grow, ...copy(1, 0)]), sizes)
    for (const byte of [7, 9]) {
      const values = new Float32Array(new Uint8Array(128).fill(byte).buffer)
      const out = new Uint8Array(18)
      encode(values, out)
      expect([...out]).toEqual([byte, ...Array.from({ length: 17 }, () => 0)])
      const back = new Float32Array(32)
      decode(out, back)
      expect(new Uint8Array(back.buffer)[0]).toBe(byte)
    }
  })

  it('refuses a memory that cannot grow', () => {
    expect(() => wasmKernel(kernel([0x41, 0], [], [1, 1, 1]), sizes)).toThrow(
      expect.objectContaining({ code: 'QUANT_METHOD_INVALID' }),
    )
  })

  it.each([
    [1, 'QUANT_OUT_OF_RANGE'],
    [2, 'QUANT_OUT_OF_RANGE'],
    [3, 'QUANT_METHOD_INVALID'],
    [0x7f, 'QUANT_METHOD_INVALID'], // -1
  ])('takes %i for the number of a block only where there is one', (refused, code) => {
    const { encode } = wasmKernel(kernel([0x41, refused], []), sizes)
    expect(() => encode(new Float32Array(64), new Uint8Array(36))).toThrow(expect.objectContaining({ code }))
  })
})
