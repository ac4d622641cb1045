import { adapterSchema } from '@qt/core'
import { inspect } from '@qt/weights'
import type { PipelineConfig, PipelineSettings } from './load-config.js'

/** Below this many parameters an adapter saves nothing worth having, and every weight is trained. */
const small = 50e6

/**
 * What pipeline.yaml leaves open depends on the base, so that one file serves every base: a small model is trained whole and at a
 * higher rate, a large one through an adapter.
 */
export async function settleTraining(settings: PipelineSettings, base: string): Promise<PipelineConfig> {
  const { adapter, training, rateIsGiven, ...rest } = settings
  const isSmall = (await inspect(base)).parameters < small
  const settled = adapter === 'auto' ? (isSmall ? null : adapterSchema.parse({ rank: 16, alpha: 32 })) : adapter
  if (rateIsGiven) return { ...rest, adapter: settled, training }
  const learningRate = settled === null ? (isSmall ? 6e-4 : 2e-5) : 4e-4
  return { ...rest, adapter: settled, training: { ...training, learningRate } }
}
