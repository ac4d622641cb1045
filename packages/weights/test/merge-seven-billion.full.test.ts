import { expect, it } from 'vitest'
import { temporaryFolder } from './files.js'
import { mergePeak, slerp, ties } from './merge-peak.js'

/** A Llama 2 of 7 billion parameters in bfloat16: 13.5 GB each, and as much of disk for the result. */
const seven = { layers: 32, width: 4096, ffn: 11008, heads: 32, vocabulary: 32000, dtype: 'bfloat16', shards: 3 } as const

it.each([
  ['slerp', slerp],
  ['ties', ties],
])('merges models of 7 billion parameters in less than 2 GB of memory: %s', { timeout: 7_200_000 }, async (name, recipe) => {
  const layers = Number(process.env.QT_LAYERS ?? seven.layers)
  const started = performance.now()
  const peak = await mergePeak(temporaryFolder(), { ...seven, layers }, recipe)
  const seconds = (performance.now() - started) / 1000
  console.log(`${name}, ${layers} layers: at most ${(peak / 1e6).toFixed(0)} MB, ${seconds.toFixed(0)} s`)
  expect(peak).toBeLessThan(2e9)
})
