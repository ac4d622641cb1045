import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sourceHash as hashOfSource } from '../../wasm/build.mjs'
import { MinHasher, scriptSigner } from './min-hash.js'
import { sourceHash } from './sign.wasm.js'
import { wasmSigner } from './wasm-signer.js'

test('the binary is compiled from the source that lies beside it', () => expect(sourceHash).toBe(hashOfSource()))

test('WebAssembly signs as JavaScript does', () => {
  const size = fc.integer({ min: 0, max: 5000 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), size, fc.integer({ min: 0, max: 2 ** 31 - 1 }), (permutations, count, seed) => {
      let binary = 0
      const inWasm = new MinHasher(permutations, seed, (a, b) => {
        const signer = wasmSigner(a, b)
        if (signer) binary++
        return signer
      })
      const inScript = new MinHasher(permutations, seed, scriptSigner)
      expect(binary).toBe(1)
      const hashes = Uint32Array.from({ length: count }, (_, i) => Math.imul(i + seed, 0x9e3779b1))
      const [one, other] = [new Int32Array(permutations), new Int32Array(permutations)]
      // Nothing is left of an earlier set.
      inWasm.sign(Uint32Array.of(1, 2, 3), one)
      inWasm.sign(hashes, one)
      inScript.sign(hashes, other)
      expect(one).toEqual(other)
    }),
    { numRuns: 60 },
  )
})
