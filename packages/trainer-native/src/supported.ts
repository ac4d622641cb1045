import { type ModelSpec, type TrainingConfig, usageError } from '@qt/core'
import { type Model, ownFormat } from '@qt/weights'
import type { Storage } from './binding.js'

/** Refuses, by name and before anything is loaded, what a model asks for and the engine does not do. */
export function requireSupportedModel({
  spec,
  path: file,
  tensors,
  metadata,
}: Pick<Model, 'spec' | 'path' | 'tensors' | 'metadata'>): void {
  const refusals: readonly (readonly [boolean, string])[] = [
    [spec.logitScale !== 1, 'scaled logits'],
    [
      spec.rope.frequencies.length * 2 !== spec.rope.dimensions,
      `${spec.rope.dimensions} rotated dimensions of ${spec.rope.frequencies.length} pairs`,
    ],
  ]
  const found = refusals.find(([refused]) => refused)
  if (found)
    throw usageError(
      'MODEL_UNSUPPORTED',
      `This engine does not compute ${found[1]} yet, which ${spec.architecture} models of this kind need.`,
      {
        where: { file },
        actions: ['Use a model of another kind; docs/architectures.md lists those that work.'],
      },
    )
  const own = [...tensors.values()].find(({ type }) => type === 'OWN')
  if (own)
    throw usageError(
      'TYPE_UNSUPPORTED',
      `${own.name} has the format ${ownFormat(metadata ?? new Map())?.name}, which only its own method reads.`,
      {
        where: { file, field: own.name },
        actions: [
          { label: 'Turn it back into numbers', command: `qt quantize ${file} model-f16.gguf --method MODULE --type F16` },
        ],
      },
    )
}

/** The same for a training configuration. */
export function requireSupportedTraining({ training, adapter, quantization, baseStorage, base, device }: TrainingConfig): void {
  const refuse = (field: string, value: string, instead: string): never => {
    throw usageError('CONFIG_UNSUPPORTED', `${field}: ${value} is not implemented yet.`, {
      where: { field },
      actions: [`Use ${instead}.`],
    })
  }
  if (training.precision === 'float16') refuse('training.precision', 'float16', 'bfloat16 or float32')
  if (training.optimizer === 'muon' && adapter)
    throw usageError('CONFIG_CONTRADICTION', 'Muon steps whole matrices of a model; an adapter trains factors of them.', {
      where: { field: 'training.optimizer' },
      actions: ['Use "optimizer": adamw.', 'Or remove "adapter", to train the whole model.'],
    })
  if (training.offload === true && device === 'cpu')
    throw usageError('CONFIG_CONTRADICTION', 'The processor works in the memory that is off-loaded to.', {
      where: { field: 'training.offload' },
      actions: ['Remove "offload"; checkpointing: true and feedForwardChunk save memory here.', 'Or set device: cuda.'],
    })
  if (training.offload === true && training.checkpointing === false)
    throw usageError('CONFIG_CONTRADICTION', 'Only the inputs of blocks that are repeated are off-loaded.', {
      where: { field: 'training.offload' },
      actions: ['Set "checkpointing": true, or leave it out.'],
    })
  if (training.objective === 'dpo' && !adapter)
    throw usageError('CONFIG_INVALID', 'DPO compares with the model as it was, which is the one without its adapter.', {
      where: { field: 'training.objective' },
      actions: ['Add "adapter": { kind: lora }.', 'Or use training.objective: orpo, which needs no reference.'],
    })
  if (training.objective !== 'next-token' && training.labelSmoothing > 0)
    throw usageError(
      'CONFIG_CONTRADICTION',
      `The objective ${training.objective} compares how likely answers are, which smoothed labels do not say.`,
      {
        where: { field: 'training.labelSmoothing' },
        actions: ['Remove "labelSmoothing".', 'Or use training.objective: next-token.'],
      },
    )
  if (!training.shardGradients && training.deterministic === 'strict')
    throw usageError('CONFIG_CONTRADICTION', 'The strict order adds each micro-batch by itself, so that each is exchanged.', {
      where: { field: 'training.shardGradients' },
      actions: ['Remove "shardGradients", or set training.deterministic: repeatable.'],
    })
  if (training.shardBase && !adapter)
    throw usageError('CONFIG_CONTRADICTION', 'A whole model is trained: there is no frozen base to share out.', {
      where: { field: 'training.shardBase' },
      actions: [
        'Add "adapter": { kind: lora }.',
        'Or remove "shardBase": gradients and optimiser state are shared out in any case.',
      ],
    })
  if (quantization === '8bit') refuse('quantization', quantization, 'nf4, or a GGUF base in Q8_0 with quantization: none')
  const contradiction = (message: string, action: string): never => {
    throw usageError('CONFIG_CONTRADICTION', message, { where: { field: 'quantization' }, actions: [action] })
  }
  if (storageOf({ quantization, baseStorage }) !== 'nf4') return
  if (!adapter)
    contradiction('A base in NF4 stays as it is: only an adapter can be trained on it.', 'Add "adapter": { kind: lora }.')
  if (base === undefined) contradiction('There is no base to quantise.', 'Add "base", or remove "quantization".')
  if (baseStorage !== 'packed') contradiction(`The base cannot be both NF4 and ${baseStorage}.`, 'Remove "baseStorage".')
}

/** What processes that share each block do not do: what looks at whole matrices, and what has an order of sums for any number of them. */
export function requireDividable({ training }: Pick<TrainingConfig, 'training'>): void {
  if (training.tensorParallel === 1) return
  const refuse = (what: string, instead: string): never => {
    throw usageError('CONFIG_UNSUPPORTED', `${what} with training.tensorParallel is not implemented yet.`, {
      where: { field: 'training.tensorParallel' },
      actions: [`Use ${instead}, or remove "tensorParallel".`],
    })
  }
  if (training.optimizer === 'adafactor' || training.optimizer === 'muon')
    refuse(`The optimiser ${training.optimizer}`, 'adamw, adamw8bit or sgd')
  if (training.deterministic === 'strict')
    throw usageError(
      'CONFIG_CONTRADICTION',
      'Processes that share each block add up parts of its sums, which cannot have the bytes of one process.',
      {
        where: { field: 'training.deterministic' },
        actions: ['Set training.deterministic: repeatable.', 'Or remove "tensorParallel".'],
      },
    )
}

/** How the base is to lie in memory. */
export const storageOf = ({ quantization, baseStorage }: Pick<TrainingConfig, 'quantization' | 'baseStorage'>): Storage =>
  quantization === 'nf4' || quantization === '4bit' ? 'nf4' : baseStorage

/** What is said of documents that are longer than the model has ever seen. */
export const beyondContext = (longest: number, { contextLength }: ModelSpec): string[] =>
  longest > contextLength
    ? [
        `The longest document has ${longest} tokens, and the base knows ${contextLength} positions: set training.sequenceLength to ${contextLength}, or train long enough for it to learn the rest.`,
      ]
    : []

/** What a configuration asks for that changes nothing here, so that nobody waits for it. */
export function ignoredSettings(
  { profile, quantum, training }: TrainingConfig,
  spec: ModelSpec,
  { validated, groups }: { validated: boolean; groups: number },
): string[] {
  const ignored: string[] = []
  if (quantum) ignored.push('"quantum" has no effect yet: training goes on without its optimiser.')
  if (profile !== 'auto' && !spec.architecture.startsWith(profile))
    ignored.push(`"profile: ${profile}" has no effect on a ${spec.architecture} model.`)
  if (training.earlyStopping && !validated) ignored.push('"earlyStopping" has no effect without validation data.')
  const alone = training.tensorParallel === 1 ? 'one process' : 'one group of processes'
  if (groups === 1 && training.shardBase) ignored.push(`"shardBase" has no effect in ${alone}: its share is the whole base.`)
  if (groups === 1 && !training.shardGradients)
    ignored.push(`"shardGradients" has no effect in ${alone}, which has all micro-batches.`)
  return ignored
}
