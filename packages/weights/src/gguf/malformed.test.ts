import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
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

  it('covers both formats', () => {
    expect(files.filter((name) => name.endsWith('.gguf')).length).toBeGreaterThan(40)
    expect(files.filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(30)
  })
})
