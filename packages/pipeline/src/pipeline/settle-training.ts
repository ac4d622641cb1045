import { adapterSchema } from '@qt/core'
import { inspect } from '@qt/weights'
import type { PipelineConfig, PipelineSettings } from './load-config.js'
import { scenarioSources } from './scenario-sources.js'

/** Below this many parameters an adapter saves nothing worth having, and every weight is trained. */
const small = 50e6

/** So many conversations are made of the scenarios and their variations: few scenarios are varied often, many seldom. */
const conversations = { small: 1000, large: 360 }
const mostVariations = 32

/**
 * What pipeline.yaml leaves open depends on the base, so that one file serves every base: a small model is trained whole, and on many
 * variations of every scenario; a large one through an adapter, and on few, for it knows the language and every token costs it more.
 */
export async function settleTraining(settings: PipelineSettings, base: string): Promise<PipelineConfig> {
  const { adapter, training, rateIsGiven, data, ...others } = settings
  const isSmall = (await inspect(base)).parameters < small
  const augment =
    data.augment === 'auto'
      ? variations(conversations[isSmall ? 'small' : 'large'], await countOf({ ...others, data }))
      : data.augment
  const rest = { ...others, data: { ...data, augment } }
  const settled = adapter === 'auto' ? (isSmall ? null : adapterSchema.parse({ rank: 16, alpha: 32 })) : adapter
  if (rateIsGiven) return { ...rest, adapter: settled, training }
  const learningRate = settled === null ? (isSmall ? 3.5e-4 : 2e-5) : 4e-4
  return { ...rest, adapter: settled, training: { ...training, learningRate } }
}

/** What is wrong around the scenarios is told when they are read. */
const countOf = async (settings: Parameters<typeof scenarioSources>[0]): Promise<number> =>
  (await scenarioSources(settings, () => {})).train.length

const variations = (wanted: number, scenarios: number): number =>
  Math.min(mostVariations, Math.max(1, Math.round(wanted / Math.max(1, scenarios))))
