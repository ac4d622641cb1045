import { type ModelSpec, type TrainingConfig, usageError } from '@qt/core'

/** Refuses, by name and before anything is loaded, what a model asks for and the engine does not do. */
export function requireSupportedModel(spec: ModelSpec, file: string): void {
  const refusals: readonly (readonly [boolean, string])[] = [
    [spec.norm.offset !== 0, 'norms with an offset'],
    [spec.norm.post, 'norms after attention and feed-forward'],
    [spec.attention.qkNorm, 'norms of q and k'],
    [spec.attention.bias, 'biases of q, k and v'],
    [spec.attention.softcap !== null, 'soft caps on attention'],
    [spec.attention.windows?.some((window) => window !== null) ?? false, 'sliding windows'],
    [spec.logitSoftcap !== null, 'soft caps on logits'],
    [spec.activation !== 'silu', `the activation ${spec.activation}`],
    [spec.embeddingScale !== 1, 'scaled embeddings'],
    [spec.logitScale !== 1, 'scaled logits'],
  ]
  const found = refusals.find(([refused]) => refused)
  if (found)
    throw usageError(
      'MODEL_UNSUPPORTED',
      `This engine does not compute ${found[1]} yet, which ${spec.architecture} models of this kind need.`,
      {
        where: { file },
        actions: ['Use a model of the llama architecture (Llama, Mistral, SmolLM2, TinyLlama …).'],
      },
    )
}

/** The same for a training configuration. */
export function requireSupportedTraining({ training, adapter, quantization }: TrainingConfig): void {
  const refuse = (field: string, value: string, instead: string): never => {
    throw usageError('CONFIG_UNSUPPORTED', `${field}: ${value} is not implemented yet.`, {
      where: { field },
      actions: [`Use ${instead}.`],
    })
  }
  if (training.precision === 'float16') refuse('training.precision', 'float16', 'bfloat16 or float32')
  if (training.optimizer !== 'adamw') refuse('training.optimizer', training.optimizer, 'adamw')
  if (adapter && adapter.kind !== 'lora') refuse('adapter.kind', adapter.kind, 'lora')
  if (quantization !== 'none' && quantization !== 'auto')
    refuse('quantization', quantization, 'a GGUF base that is already quantised, with quantization: none')
}

/** What a configuration asks for that changes nothing here, so that nobody waits for it. */
export function ignoredSettings({ profile, quantum, training }: TrainingConfig, spec: ModelSpec, validated: boolean): string[] {
  const ignored: string[] = []
  if (quantum) ignored.push('"quantum" has no effect yet: training goes on without its optimiser.')
  if (profile !== 'auto' && !spec.architecture.startsWith(profile))
    ignored.push(`"profile: ${profile}" has no effect on a ${spec.architecture} model.`)
  if (training.earlyStopping && !validated) ignored.push('"earlyStopping" has no effect without validation data.')
  return ignored
}
