import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chatTemplate, copyingStart, recipe, spacedTwins, specialTokens, unspaced, withSpacedTwins } from '@qt/base-model'
import { permutation } from '@qt/core'
import { trainBpe } from '@qt/tokenizer'
import { writeSafetensors } from '@qt/weights'

const { architecture, pieces, seed } = recipe
const [eos, , endOfTurn] = specialTokens

/** The untrained model as a Hugging Face folder, with a tokenizer made from a sample of what is said. */
export async function writeStart(folder: string, said: readonly string[]): Promise<void> {
  const sample = [...permutation(said.length, seed, 'sample', 0).subarray(0, 60_000)].map((index) => unspaced(said[index]!))
  const plain = await trainBpe(sample, { vocabularySize: pieces, specialTokens })
  const json = { ...plain, model: { ...plain.model, ...withSpacedTwins(plain.model) } }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json))
  const settings = { eos_token: endOfTurn, pad_token: eos, chat_template: chatTemplate }
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings))

  const { vocab } = json.model
  const shape = { ...architecture, vocab: Object.keys(vocab).length }
  const tensors = [...copyingStart(shape, seed, spacedTwins(vocab))].map(([name, { rows, columns, values }]) => ({
    name,
    dtype: 'F32' as const,
    shape: rows === 1 ? [columns] : [rows, columns],
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  }))
  await writeSafetensors(join(folder, 'model.safetensors'), tensors)
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: architecture.dModel,
    intermediate_size: architecture.ffn,
    num_hidden_layers: architecture.layers,
    num_attention_heads: architecture.heads,
    num_key_value_heads: architecture.heads,
    vocab_size: shape.vocab,
    max_position_embeddings: architecture.contextLength,
    rope_theta: architecture.ropeTheta,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    tie_word_embeddings: true,
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
}
