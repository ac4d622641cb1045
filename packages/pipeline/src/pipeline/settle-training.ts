import { adapterSchema, loraPlusDefault } from '@qt/core'
import { inspect } from '@qt/weights'
import type { PipelineConfig, PipelineSettings } from './load-config.js'
import { scenarioSources } from './scenario-sources.js'

/** Below this many parameters an adapter saves nothing worth having, and every weight is trained. */
const small = 50e6

/** A scenario is often more than a thousand tokens, and what is cut off teaches nothing. */
const wholeScenario = 2048

/**
 * What each kind of base is given, as measured in docs/decisions/0012. About so many conversations are made of the scenarios, variations
 * included: few scenarios are varied often, many seldom. The tales of a small base are whole, for its own prose is no better; a
 * large one learns from them only what to call. A step reads about so many tokens.
 */
const customs = {
  small: { conversations: 840, practice: { tales: 500, learn: 'all', perConversation: 2 }, tokensPerStep: 4096 },
  large: { conversations: 360, practice: { tales: 700, learn: 'calls', perConversation: 2 }, tokensPerStep: 2048 },
} as const
const mostVariations = 32

/**
 * What pipeline.yaml leaves open depends on the base, so that one file serves every base: a small model is trained whole, and on many
 * variations of every scenario; a large one through an adapter, and on few, for it knows the language and every token costs it more.
 */
export async function settleTraining(settings: PipelineSettings, base: string): Promise<PipelineConfig> {
  const { adapter, training, given, data, ...others } = settings
  const { parameters, spec } = await inspect(base)
  const custom = customs[parameters < small ? 'small' : 'large']
  const augment = data.augment === 'auto' ? variations(custom.conversations, await countOf({ ...others, data })) : data.augment
  // With tools of one's own the tales would teach the wrong calls.
  const tales = data.practice === 'auto' ? (data.tools === undefined ? custom.practice.tales : 0) : data.practice
  const perConversation = data.practice === 'auto' ? custom.practice.perConversation : null
  const settled = adapter === 'auto' ? (parameters < small ? null : adapterSchema.parse({ rank: 32, alpha: 64 })) : adapter
  const sequenceLength = given.has('sequenceLength')
    ? training.sequenceLength
    : Math.min(wholeScenario, spec?.contextLength ?? wholeScenario)
  return {
    ...others,
    data: { ...data, augment, practice: { tales, learn: custom.practice.learn, perConversation } },
    adapter: settled,
    training: {
      ...training,
      sequenceLength,
      ...(given.has('learningRate') ? {} : { learningRate: rateOf(parameters, settled) }),
      ...(given.has('batchSize') ? {} : { batchSize: Math.max(1, Math.round(custom.tokensPerStep / sequenceLength)) }),
    },
  }
}

/**
 * An adapter bears ten times the rate of the weights themselves, and both less of it the larger the base: measured for 135 M
 * parameters, reckoned for more. Where B learns faster than A (LoRA+), it is B's rate.
 */
function rateOf(parameters: number, adapter: PipelineConfig['adapter']): number {
  if (parameters < small && adapter === null) return 3.5e-4
  const faster = adapter?.loraPlusRatio ?? (adapter?.kind === 'lora+' ? loraPlusDefault : 1)
  const rate = ((adapter ? 2e-3 : 2e-4) / faster) * Math.sqrt(135e6 / Math.max(parameters, 135e6))
  return Number(rate.toPrecision(2))
}

/** What is wrong around the scenarios is told when they are read. */
const countOf = async (settings: Parameters<typeof scenarioSources>[0]): Promise<number> =>
  (await scenarioSources(settings, () => {})).train.length

const variations = (wanted: number, scenarios: number): number =>
  Math.min(mostVariations, Math.max(0, Math.round(wanted / Math.max(1, scenarios)) - 1))
