import { join } from 'node:path'
import { writeAdapter, writeModelFolder } from '@qt/weights'
import type { NativeTrainer } from '../binding.js'
import { trainedAdapter } from './adapter-parameters.js'
import type { FinalNumbers } from './final-numbers.js'
import type { Prepared } from './prepare.js'
import { trainedName } from './trained-name.js'

export interface WrittenOutput {
  readonly adapter?: { readonly path: string }
  readonly model?: { readonly path: string }
}

/** What training made, in public formats: a PEFT folder, or a Hugging Face folder of the whole model. */
export async function writeOutput(
  folder: string,
  trainer: NativeTrainer,
  { base, adapter, config, tokenizer }: Prepared,
  numbers: FinalNumbers,
): Promise<WrittenOutput> {
  if (adapter) {
    const path = join(folder, 'adapter')
    await writeAdapter(path, trainedAdapter(trainer, adapter, base.spec, numbers), base.spec, { baseName: base.name })
    return { adapter: { path } }
  }
  const path = join(folder, 'model')
  await writeModelFolder(path, {
    description: base.description,
    source: base.model,
    tokenizerFile: config.tokenizer,
    ids: { bos: tokenizer?.bosId, eos: tokenizer?.eosId },
    tensors: trainer.tensors().map((tensor) => ({
      name: trainedName(tensor),
      shape: tensor.whole.rows === 1 ? [tensor.whole.columns] : [tensor.whole.rows, tensor.whole.columns],
      values: () => numbers.of(tensor),
    })),
  })
  return { model: { path } }
}
