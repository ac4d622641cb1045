import { expect, it } from 'vitest'
import { temporaryFolder } from './files.js'
import { mergePeak, ties } from './merge-peak.js'

const sizes = { width: 256, ffn: 1024, heads: 4, vocabulary: 64, dtype: 'float32' } as const

it('takes no more memory for a model of 20 layers than for one of 4', { timeout: 1_800_000 }, async () => {
  const few = await mergePeak(temporaryFolder(), { ...sizes, layers: 4 }, ties)
  const many = await mergePeak(temporaryFolder(), { ...sizes, layers: 20 }, ties)
  // 16 layers more are 200 MB more of inputs and 34 MB more of output.
  expect(many - few).toBeLessThan(64e6)
  expect(many).toBeLessThan(400e6)
})
