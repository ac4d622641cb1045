import { type ModelSpec, modelSpecSchema } from '@qt/core'
import type { Architecture } from '../architectures/architecture.js'
import { type RopeScaling, ropeFrequencies, scaledRope } from './rope.js'

/** What a configuration says, once more than ModelSpec keeps: writers of other formats need it. */
export interface ModelDescription {
  readonly architecture: Architecture
  readonly spec: ModelSpec
  readonly ropeTheta: number
  readonly ropeScaling: RopeScaling
  /** The base of the rope of the layers with a window, where they have their own. */
  readonly localTheta?: number | undefined
}

/** What config.json or a GGUF's metadata says of a model. */
export interface ModelFacts {
  readonly layout: ModelSpec['rope']['layout']
  readonly normOffset: 0 | 1
  readonly sizes: Pick<
    ModelSpec,
    'vocabularySize' | 'contextLength' | 'layers' | 'dModel' | 'heads' | 'kvHeads' | 'headDim' | 'ffn'
  >
  readonly epsilon: number
  readonly theta: number
  readonly localTheta: number | undefined
  readonly scaling: RopeScaling
  /** Rotated dimensions of each head. */
  readonly dimensions: number
  /** Which layers rotate; undefined: all. */
  readonly rotated: readonly boolean[] | undefined
  readonly windows: readonly (number | null)[] | undefined
  readonly scale: number
  readonly softcaps: { readonly attention: number | null; readonly logits: number | null }
  readonly activation: ModelSpec['activation']
  readonly tiedEmbeddings: boolean
}

export function buildSpec(architecture: Architecture, facts: ModelFacts): ModelDescription {
  const { fixed } = architecture
  const { sizes, theta, localTheta, scaling, dimensions, windows, rotated } = facts
  const local = localTheta === undefined ? [] : [{ frequencies: ropeFrequencies(localTheta, dimensions, { kind: 'none' }) }]
  const ofLayer =
    localTheta === undefined
      ? rotated?.map((rotates) => (rotates ? 0 : null))
      : windows?.map((window) => (window === null ? 0 : 1))
  const spec = modelSpecSchema.parse({
    architecture: architecture.name,
    ...sizes,
    norm: { kind: 'rms', epsilon: facts.epsilon, offset: facts.normOffset, post: fixed.postNorms },
    rope: {
      layout: facts.layout,
      dimensions,
      ...scaledRope(theta, dimensions, scaling),
      others: local,
      ...(ofLayer === undefined ? {} : { ofLayer }),
    },
    attention: {
      scale: facts.scale,
      ...(windows === undefined ? {} : { windows }),
      softcap: facts.softcaps.attention,
      qkNorm: fixed.qkNorm,
      bias: fixed.attentionBias,
    },
    activation: facts.activation,
    embeddingScale: fixed.embeddingScale === 'one' ? 1 : Math.sqrt(sizes.dModel),
    logitSoftcap: facts.softcaps.logits,
    tiedEmbeddings: facts.tiedEmbeddings,
  })
  return { architecture, spec, ropeTheta: theta, ropeScaling: scaling, localTheta }
}
