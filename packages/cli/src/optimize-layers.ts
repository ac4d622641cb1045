import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LayerCosts } from '@qt/quantum/decisions'
import { need } from './need.js'
import { distributionsOf, type VariantOptions, withModel } from './variants.js'

export interface LayerInput {
  readonly input: string
  readonly folder: string
  readonly rows: readonly Uint32Array[]
  readonly options: VariantOptions
  readonly onProgress: (text: string) => void
}

export interface MeasuredLayers extends LayerCosts {
  /** By layer the mean cosine of what enters and what leaves it: by what qt prune decides. */
  readonly cosines: ArrayLike<number>
}

/** Writes a model without some layers; returns the bytes of the file. */
export async function writeWithout(
  input: string,
  path: string,
  pruneLayers: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const { quantize } = await need('@qt/quantize', () => import('@qt/quantize'))
  const requantize = true
  return (await quantize(input, path, { types: new Map(), pruneLayers, requantize, sync: false, signal })).fileBytes
}

/** The KL divergence from the whole model without each layer, and without each two. */
export async function measureLayers({ input, folder, rows, options, onProgress }: LayerInput): Promise<MeasuredLayers> {
  const { meanDivergence } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
  const { signal } = options
  const whole = await withModel(input, options, async ({ scoring, spec, statistics }) => ({
    before: await distributionsOf(scoring, rows, signal),
    vocabulary: scoring.vocabularySize,
    layers: spec.layers,
    cosines: (await statistics.collect(rows, { signal })).cosines,
  }))
  const total = (whole.layers * (whole.layers + 1)) / 2
  let done = 0
  const without = async (...layers: number[]): Promise<number> => {
    const path = join(folder, `${randomUUID()}.gguf`)
    onProgress(`measuring  ${++done}/${total}  without layer ${layers.join(' and ')}`)
    try {
      await writeWithout(input, path, layers, signal)
      const after = await withModel(path, options, ({ scoring }) => distributionsOf(scoring, rows, signal))
      return meanDivergence(whole.before, after, whole.vocabulary)
    } finally {
      await rm(path, { force: true })
    }
  }
  const single: number[] = []
  for (let layer = 0; layer < whole.layers; layer++) single.push(await without(layer))
  const pairs: [number, number, number][] = []
  // Without both of two layers nothing would be left.
  if (whole.layers > 2)
    for (let i = 0; i < whole.layers; i++) for (let j = i + 1; j < whole.layers; j++) pairs.push([i, j, await without(i, j)])
  return { single, pairs, cosines: whole.cosines }
}
