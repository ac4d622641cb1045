import { tensorTypes } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { type Binding, binding } from './binding.js'
import { hardware } from './hardware.js'
import { quantMethods } from './registry.js'

const native = binding()
if (native instanceof Error) console.log('skipped: the addon is not built (npm run build:native)')

const declared: Record<keyof Binding, 'function'> = {
  availableKernels: 'function',
  availableProcessors: 'function',
  decodable: 'function',
  encodable: 'function',
  encode: 'function',
  firstNotFinite: 'function',
  startFile: 'function',
}

describe.skipIf(native instanceof Error)('the addon', () => {
  const addon = native as Binding

  it('offers what is declared, and nothing else', () => {
    expect(Object.fromEntries(Object.entries(addon).map(([name, value]) => [name, typeof value]))).toEqual(declared)
  })

  it('has kernels for this machine, the plain ones last, and at least one processor', () => {
    expect(addon.availableKernels().at(-1)).toBe('baseline')
    expect(addon.availableProcessors()).toBeGreaterThanOrEqual(1)
    expect(hardware()).toEqual({ kernels: addon.availableKernels(), threads: addon.availableProcessors() })
  })

  it('encodes the types that have a method here', () => {
    const types = Object.entries(tensorTypes).filter(([, { id }]) => addon.encodable(id))
    expect(types.map(([type]) => type).toSorted()).toEqual(quantMethods.map(({ type }) => type).toSorted())
  })

  it('decodes every type of weights, and no integers', () => {
    const refused = Object.entries(tensorTypes).filter(([, { id }]) => !addon.decodable(id))
    expect(refused.map(([type]) => type)).toEqual(['I8', 'I16', 'I32', 'I64', 'F64', 'OWN'])
  })

  it('refuses what is not whole blocks, and kernels that do not exist', () => {
    const q8 = tensorTypes.Q8_0.id
    expect(() => addon.encode(q8, new Float32Array(33), 33, null, new Uint8Array(34))).toThrow(RangeError)
    expect(() => addon.encode(q8, new Float32Array(32), 32, null, new Uint8Array(33))).toThrow(RangeError)
    expect(() => addon.encode(tensorTypes.I32.id, new Float32Array(32), 32, null, new Uint8Array(128))).toThrow(RangeError)
    expect(() => addon.encode(q8, new Float32Array(32), 32, new Float32Array(31), new Uint8Array(34))).toThrow(RangeError)
    expect(() => addon.encode(q8, new Float32Array(32), 32, null, new Uint8Array(34), 'none')).toThrow('no encoders named none')
  })
})
