import { readFileSync } from 'node:fs'
import { QtError } from '@qt/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixture } from '../../test/files.js'
import { applyEdits, edits } from '../../test/mutate.js'
import { readSafetensors } from '../safetensors/read.js'
import { readGguf } from './read.js'

/** Reads a mutated file: either it is refused politely, or everything it promises is really inside it. */
async function staysSafe(bytes: Uint8Array, read: typeof readGguf | typeof readSafetensors): Promise<'read' | 'refused'> {
  try {
    const file = await read(bytes)
    for (const [name, { offset, bytes: length }] of file.tensors) {
      expect(offset + length).toBeLessThanOrEqual(bytes.length)
      expect((await file.read(name)).length).toBe(length)
    }
    return 'read'
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return 'refused'
  }
}

const runs = Number(process.env.QT_FUZZ_RUNS ?? 3000)

describe.each([
  ['GGUF', 'blocks.gguf', 1600, readGguf],
  ['safetensors', 'adapter/adapter_model.safetensors', 3600, readSafetensors],
] as const)('a mutated %s file', (_, name, header, read) => {
  it(
    'is refused with a QtError or read within its bounds',
    async () => {
      const original = new Uint8Array(readFileSync(fixture(name)))
      const outcomes = { read: 0, refused: 0 }
      await fc.assert(
        fc.asyncProperty(edits(header), async (list) => {
          outcomes[await staysSafe(applyEdits(original, list), read)]++
        }),
        { numRuns: runs },
      )
      // Both must happen, or the mutations are too wild or too tame to show anything.
      expect(outcomes.read).toBeGreaterThan(0)
      expect(outcomes.refused).toBeGreaterThan(0)
    },
    60_000 + runs * 2,
  )
})
