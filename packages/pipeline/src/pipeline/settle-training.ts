import { adapterSchema } from '@qt/core'
import { inspect } from '@qt/weights'
import type { PipelineConfig, PipelineSettings } from './load-config.js'

/** Below this many parameters an adapter saves nothing worth having, and every weight is trained. */
const small = 50e6

/**
 * What pipeline.yaml leaves open depends on the base, so that one file serves every base: a small model is trained whole, and on many
 * variations of every scenario; a large one through an adapter, and on few, for it knows the language and every token costs it more.
 */
export async function settleTraining(settings: PipelineSettings, base: string): Promise<PipelineConfig> {
  const { adapter, training, rateIsGiven, data, ...others } = settings
  const isSmall = (await inspect(base)).parameters < small
  const augment = data.augment === 'auto' ? (isSmall ? 16 : 6) : data.augment
  const rest = { ...others, data: { ...data, augment } }
  const settled = adapter === 'auto' ? (isSmall ? null : adapterSchema.parse({ rank: 16, alpha: 32 })) : adapter
  if (rateIsGiven) return { ...rest, adapter: settled, training }
  const learningRate = settled === null ? (isSmall ? 3.5e-4 : 2e-5) : 4e-4
  return { ...rest, adapter: settled, training: { ...training, learningRate } }
}
