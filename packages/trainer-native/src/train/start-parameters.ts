import type { NativeTrainer } from '../binding.js'
import { startAdapter } from './adapter-parameters.js'
import type { Prepared } from './prepare.js'

/** The numbers training starts from; full training of an existing model has copied its weights already. */
export async function startParameters(
  trainer: NativeTrainer,
  { config, base, adapter }: Prepared,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { seed } = config.training
  if (adapter) return startAdapter(trainer, adapter, seed, signal)
  if (base.model) return
  // GPT-2's: normal 0.02, and 0.02/√(2·layers) for what is added to the residual stream.
  const usual = 0.02
  const residual = usual / Math.sqrt(2 * base.spec.layers)
  const added = /\.(attn_output|ffn_down)\.weight$/
  for (const [stream, { module }] of trainer.tensors().entries()) {
    const norm = module.endsWith('_norm.weight')
    trainer.initialise(stream, {
      kind: norm ? 'ones' : 'normal',
      size: norm ? 1 : added.test(module) ? residual : usual,
      seed,
      stream,
    })
  }
}
