import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { type TensorType, tensorTypes } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { decodableTypes, decodeBlocks } from './decode.js'

const fixture = (name: string) => readFileSync(new URL(`../../native/test/fixtures/${name}`, import.meta.url))

/** https://prng.di.unimi.it/splitmix64.c, by counter: the blocks of native/test/make_fixtures.py. */
function randomBytes(seed: number, count: number): Uint8Array {
  const words = new BigUint64Array(Math.ceil(count / 8))
  const mask = (1n << 64n) - 1n
  for (let i = 0; i < words.length; i++) {
    let z = (BigInt(seed) + BigInt(i + 1) * 0x9e3779b97f4a7c15n) & mask
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask
    words[i] = z ^ (z >> 31n)
  }
  return new Uint8Array(words.buffer, 0, count)
}

const digests = fixture('digests.txt')
  .toString()
  .trim()
  .split('\n')
  .map((line) => line.split(' '))
  .filter(([type]) => decodableTypes.includes(type as TensorType))

describe('decodeBlocks', () => {
  it.each(digests)('decodes %s as gguf-py does, 512 random blocks that use whole codebooks', (name, id, digest, ...scales) => {
    const type = name as TensorType
    const { blockBytes, blockSize } = tensorTypes[type]
    const kept = fixture(`${type}.bin`).length / (blockBytes + 4 * blockSize)
    const blocks = randomBytes(Number(id), (kept + 512) * blockBytes)
    // The scales are kept finite.
    for (let block = 0; block < kept + 512; block++) for (const at of scales) blocks[block * blockBytes + Number(at) + 1]! &= 0xbf
    const values = decodeBlocks(type, blocks.subarray(kept * blockBytes))
    expect(crc32(new Uint8Array(values.buffer)).toString(16).padStart(8, '0')).toBe(digest)
  })

  it('reads every type that weights have', () => {
    const integers = ['I8', 'I16', 'I32', 'I64', 'F64']
    // Q8_1 is never stored, NF4 keeps the sizes of its blocks in tensors beside it, and OWN is for the method that wrote it.
    const others = ['Q8_1', 'NF4', 'OWN']
    const weights = Object.keys(tensorTypes).filter((type) => !integers.includes(type) && !others.includes(type))
    expect([...decodableTypes].toSorted()).toEqual(weights.toSorted())
  })
})
