import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/files.js'
import { readSafetensors } from '../safetensors/read.js'
import { readGguf } from './read.js'

const folder = fileURLToPath(new URL('../../test/fixtures/malformed/', import.meta.url))
const files = readdirSync(folder)

describe('malformed files', () => {
  it.each(files)('%s gives an error for people, soon', async (name) => {
    const read = name.endsWith('.gguf') ? readGguf : readSafetensors
    const code = name.endsWith('.gguf') ? 'GGUF_MALFORMED' : 'SAFETENSORS_MALFORMED'
    const start = performance.now()
    for (const input of [folder + name, new Uint8Array(readFileSync(folder + name)), new Blob([readFileSync(folder + name)])]) {
      const error: unknown = await read(input).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      if (!QtError.isInstance(error)) throw error ?? new Error(`${name} was read without complaint`)
      expect(error.code).toBe(code)
      expect(error.actions.length).toBeGreaterThan(0)
    }
    expect(performance.now() - start).toBeLessThan(1000)
  })

  it.each([
    ['a string of 5 GB', 8, 5e9],
    ['a string of 100 MB', 8, 1e8],
    ['an array of bytes of 5 GB', 9, 5e9],
    ['an array of 100 million bytes', 9, 1e8],
  ])('%s in a file that is large enough for it is refused without being read', async (_, type, length) => {
    const path = `${temporaryFolder()}/large.gguf`
    const header = new DataView(new ArrayBuffer(57))
    new Uint8Array(header.buffer).set(new TextEncoder().encode('GGUF'))
    header.setUint32(4, 3, true)
    header.setBigUint64(16, 1n, true)
    header.setBigUint64(24, 1n, true)
    header.setUint8(32, 0x61)
    header.setUint32(33, type, true)
    // A string starts with its length, an array with the type of its items (0: bytes).
    header.setBigUint64(type === 8 ? 37 : 41, BigInt(length), true)
    writeFileSync(path, new Uint8Array(header.buffer))
    truncateSync(path, 10e9)
    const before = process.memoryUsage().rss
    const start = performance.now()
    await expect(readGguf(path)).rejects.toMatchObject({ code: 'GGUF_MALFORMED' })
    expect(performance.now() - start).toBeLessThan(1000)
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
  })

  it('covers both formats', () => {
    expect(files.filter((name) => name.endsWith('.gguf')).length).toBeGreaterThan(40)
    expect(files.filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(30)
  })
})
