import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CollectedStatistics } from '@qt/core'
import type { HeadSketches } from '@qt/quantum/decisions'
import { need } from './need.js'
import type { LayerInput } from './optimize-layers.js'
import { distributionsOf, withModel } from './variants.js'

export interface MeasuredHeads {
  readonly sketches: HeadSketches
  /** By which `qt prune` chooses. */
  readonly statistics: CollectedStatistics
}

/** How each head that says nothing changes what the model says on the rows. */
export async function measureHeads({ input, folder, rows, options, onProgress }: LayerInput): Promise<MeasuredHeads> {
  const { silenceHead } = await need('@qt/quantize', () => import('@qt/quantize'))
  const { sketcher } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
  const { signal } = options
  const whole = await withModel(input, options, async ({ scoring, spec, statistics }) => ({
    spec,
    sketch: sketcher(await distributionsOf(scoring, rows, signal), scoring.vocabularySize),
    statistics: await statistics.collect(rows, { signal }),
  }))
  const { layers, kvHeads: heads } = whole.spec
  const sketches: Float32Array[][] = []
  for (let layer = 0; layer < layers; layer++) {
    const own: Float32Array[] = []
    for (let head = 0; head < heads; head++) {
      onProgress(`measuring  ${layer * heads + head + 1}/${layers * heads}  without head ${head} of layer ${layer}`)
      const path = join(folder, `${randomUUID()}.gguf`)
      try {
        await silenceHead(input, path, { layer, head, signal })
        own.push(whole.sketch(await withModel(path, options, ({ scoring }) => distributionsOf(scoring, rows, signal))))
      } finally {
        await rm(path, { force: true })
      }
    }
    sketches.push(own)
  }
  return { sketches, statistics: whole.statistics }
}
