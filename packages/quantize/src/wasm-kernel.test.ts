import { describe, expect, it } from 'vitest'
import { wasmKernel } from './wasm-kernel.js'

// examples/my-quant-method has one that works, held against TypeScript.
describe('wasmKernel', () => {
  const sizes = { blockSize: 32, blockBytes: 18 }
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  // (import "a" "b" (func)), of type (func).
  const importing = [...header, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x61, 1, 0x62, 0, 0]
  // (memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 0))
  const memory = [...[5, 3, 1, 0, 1], ...[6, 6, 1, 0x7f, 0, 0x41, 0, 0x0b]]
  const names = ['memory', '__heap_base'].map((name) => [...Buffer.from(name)])
  const exported = [2, names[0]!.length, ...names[0]!, 2, 0, names[1]!.length, ...names[1]!, 3, 0]
  const silent = [...header, ...memory, 7, exported.length, ...exported]

  it.each([
    ['is no module', [1, 2, 3], 'runs by itself'],
    ['asks for functions', importing, 'runs by itself'],
    ['has no memory', header, '__heap_base'],
    ['has no functions', silent, 'encode and decode'],
  ])('refuses what %s', (_, bytes, message) => {
    const make = () => wasmKernel(Uint8Array.from(bytes), sizes)
    expect(make).toThrow(expect.objectContaining({ code: 'QUANT_METHOD_INVALID' }))
    expect(make).toThrow(message)
  })
})
