import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chatTemplate, conversations, specialTokens } from '@qt/base-model'
import { trainBpe } from '@qt/tokenizer'
import { train } from '@qt/trainer-native'
import { convert } from '@qt/weights'

/** A base model that is good for nothing but being quick, made as the real one is. */
export async function makeTinyBase(folder: string): Promise<string> {
  const texts = conversations('tales', { count: 20 }).flatMap((messages) => messages.map(({ content }) => content))
  const tokenizer = join(folder, 'tokenizer')
  await mkdir(tokenizer, { recursive: true })
  await writeFile(
    join(tokenizer, 'tokenizer.json'),
    JSON.stringify(await trainBpe(texts, { vocabularySize: 320, specialTokens })),
  )
  await writeFile(
    join(tokenizer, 'tokenizer_config.json'),
    JSON.stringify({ eos_token: '<|im_end|>', chat_template: chatTemplate }),
  )
  await writeFile(join(folder, 'texts.jsonl'), texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))
  const { model } = await train({
    architecture: { layers: 2, dModel: 32, heads: 2, kvHeads: 1, ffn: 64, vocab: 320, contextLength: 1024, tiedEmbeddings: true },
    tokenizer: join(tokenizer, 'tokenizer.json'),
    data: { path: join(folder, 'texts.jsonl'), format: 'text', validation: 0 },
    training: { steps: 2, batchSize: 1, sequenceLength: 64, precision: 'float32' },
    output: join(folder, 'run'),
  })
  if (model === undefined) throw new Error('The training left no model.')
  const file = join(folder, 'base.gguf')
  await convert(model.path, file, { type: 'F16' })
  return file
}
