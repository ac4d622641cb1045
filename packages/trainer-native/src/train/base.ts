import { type ModelSpec, QtError, type TensorType, type TrainingConfig, tensorTypes, usageError } from '@qt/core'
import { type Config, type Model, type ModelDescription, openModel, resolve, specFromConfig } from '@qt/weights'
import type { TensorSource } from '../binding.js'
import { requireSupportedModel } from '../supported.js'
import { architectureConfig, architectureSettings } from './presets.js'

/** What training starts from: a model on disk, or a description of a new one. */
export interface Base {
  readonly spec: ModelSpec
  readonly description: ModelDescription
  readonly model: Model | undefined
  /** For PEFT's adapter_config.json. */
  readonly name: string
}

export async function openBase(
  config: TrainingConfig,
  vocabularySize: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Base> {
  if (config.base !== undefined) {
    const model = await openModel(await resolve(config.base, { signal }), { signal })
    requireSupportedModel(model)
    return { spec: model.spec, description: model.description, model, name: model.name }
  }
  const description = ownArchitecture(
    architectureConfig(config.architecture ?? {}, vocabularySize, config.training.sequenceLength),
  )
  if (vocabularySize !== undefined && vocabularySize > description.spec.vocabularySize)
    throw usageError(
      'CONFIG_INVALID',
      `The tokenizer has ${vocabularySize} tokens, architecture.vocab only ${description.spec.vocabularySize}.`,
      {
        where: { field: 'architecture.vocab' },
        actions: ['Leave "vocab" out: it then follows the tokenizer.'],
      },
    )
  return { spec: description.spec, description, model: undefined, name: 'a new model' }
}

/** The spec of a new model; what is wrong with it stands in the configuration, not in a file that could be downloaded again. */
function ownArchitecture(config: Config): ModelDescription {
  try {
    return specFromConfig(config)
  } catch (error) {
    if (!QtError.isInstance(error) || error.code !== 'MODEL_INVALID') throw error
    const setting = architectureSettings[error.where?.field ?? ''] ?? error.where?.field ?? ''
    throw usageError('CONFIG_INVALID', error.message.replace(error.where?.field ?? '', `architecture.${setting}`), {
      where: { field: `architecture.${setting}` },
      actions: [`Change "${setting}" of the architecture, or take a preset.`],
      cause: error,
    })
  }
}

/** Bytes of the frozen base in memory: as it lies in its file, or decoded. */
export function baseBytes({ model }: Base, storage: TrainingConfig['baseStorage']): number {
  let sum = 0
  for (const { type, shape, bytes } of model?.tensors.values() ?? []) {
    const count = shape.reduce((product, size) => product * size, 1)
    sum += storageBytes(type, count, bytes, storage)
  }
  return sum
}

function storageBytes(type: TensorType, count: number, bytes: number, storage: TrainingConfig['baseStorage']): number {
  if (storage !== 'packed' && type !== 'F32') return count * (storage === 'float32' ? 4 : 2)
  const { blockSize, blockBytes } = tensorTypes[type]
  // Numbers and scales of NF4 lie apart in the file and are brought together.
  return type === 'NF4' ? (count / blockSize) * blockBytes : bytes
}

/** Where the engine finds each tensor. */
export function tensorSources(model: Model): TensorSource[] {
  return [...model.tensors].map(([name, { file, offset, bytes, type, shape, nf4 }]) => ({
    name,
    file,
    offset,
    bytes,
    type: tensorTypes[type].id,
    rows: shape.length > 1 ? shape[0]! : 1,
    columns: shape.at(-1)!,
    nf4,
  }))
}
