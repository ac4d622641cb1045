import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import {
  chatTemplate,
  conversations,
  copyingStart,
  corpus,
  recipe,
  spacedTwins,
  specialTokens,
  unspaced,
  withSpacedTwins,
} from '@qt/base-model'
import { ignoreLabel, permutation } from '@qt/core'
import { renderChat } from '@qt/data'
import { quantize } from '@qt/quantize'
import { Tokenizer, trainBpe } from '@qt/tokenizer'
import { train } from '@qt/trainer-native'
import { convert, writeSafetensors } from '@qt/weights'
import { root } from './root.js'

/** `npm run make-base`: trains packages/base-model/model/base.gguf from its recipe, about half an hour on two idle cores. */
const target = join(root, 'packages/base-model/model')
const work = await mkdtemp(join(tmpdir(), 'qt-base-'))
const started = performance.now()
const minutes = () => ((performance.now() - started) / 60_000).toFixed(1)
const { seed, texts, architecture, training } = recipe
const [eos, , endOfTurn] = specialTokens
try {
  const chats = [
    ...conversations('tales', { count: texts.tales, seed }),
    ...conversations('rules', { count: texts.rules, seed }),
    ...conversations('quizzes', { count: texts.quizzes, seed }),
    ...conversations('sheets', { count: texts.sheets, seed }),
  ]
  const stories = corpus('stories', { count: texts.stories, seed })

  const start = join(work, 'start')
  await mkdir(start)
  const spoken = chats.flatMap((messages) => messages.map(({ role, content }) => `${role}\n${content}`))
  const sample = [...permutation(spoken.length, seed, 'sample', 0).subarray(0, 60_000)].map((index) => spoken[index]!)
  const pieces = await trainBpe([...sample, ...stories].map(unspaced), { vocabularySize: recipe.pieces, specialTokens })
  const json = { ...pieces, model: { ...pieces.model, ...withSpacedTwins(pieces.model) } }
  await writeFile(join(start, 'tokenizer.json'), JSON.stringify(json))
  await writeFile(
    join(start, 'tokenizer_config.json'),
    JSON.stringify({ eos_token: endOfTurn, pad_token: eos, chat_template: chatTemplate }),
  )
  const tokenizer = await Tokenizer.load(join(start, 'tokenizer.json'))

  // Mostly the answers are learned, or of them the calls; of some texts every word, so that the model has its own English too.
  const { sequenceLength } = training
  const mixed = [
    ...chats.map((messages, index) => {
      const isWhole = index % recipe.wholeEvery === 0
      const isSilent = index < texts.tales && index % recipe.proseEvery !== 0
      return tokenRow(renderChat(messages, chatTemplate), isWhole ? 'everything' : isSilent ? 'calls' : 'answers')
    }),
    ...stories.map((story) => tokenRow(`${story}${eos}`, 'everything')),
  ]
  function tokenRow(text: string, learned: Learned) {
    const ids = [...tokenizer.encode(text, { special: true })]
    return { input_ids: ids.slice(0, sequenceLength), labels: labelsOf(tokenizer, ids, learned).slice(0, sequenceLength) }
  }
  const early = conversations('sheets', { count: recipe.sheetsFirst, seed: seed + 1 })
  const rows = [
    ...early.map((messages) => tokenRow(renderChat(messages, chatTemplate), 'answers')),
    ...[...permutation(mixed.length, seed, 'shuffle', 0)].map((index) => mixed[index]!),
  ]
  const data = join(work, 'rows.jsonl')
  await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const tokens = rows.reduce((sum, { input_ids: ids }) => sum + ids.length, 0)
  console.log(`${rows.length} texts, ${tokens} tokens, a vocabulary of ${tokenizer.vocabularySize} (${minutes()} min)`)

  await writeStart(start, { ...architecture, vocab: tokenizer.vocabularySize }, spacedTwins(json.model.vocab))
  const run = train({
    base: start,
    data: { path: data, format: 'tokens', validation: 0.01 },
    training: { ...training, seed },
    output: join(work, 'run'),
  })
  let steps = 0
  for await (const event of run) {
    if (event.type === 'start') steps = event.steps ?? 0
    if (event.type === 'step' && event.step % 50 === 0)
      console.log(
        `step ${event.step}/${steps}  loss ${event.loss.toFixed(3)}  ${Math.round(event.tokensPerSecond)} tokens/s  ${minutes()} min`,
      )
    if (event.type === 'validation') console.log(`validation  loss ${event.loss.toFixed(3)}`)
  }
  const { model } = await run
  if (model === undefined) throw new Error('The training left no model.')

  await mkdir(target, { recursive: true })
  const exact = join(work, 'base-f32.gguf')
  await convert(model.path, exact, { type: 'F32' })
  const file = join(target, 'base.gguf')
  await quantize(exact, file, { type: 'Q8_0' })
  console.log(`${relative(root, file)}  ${((await stat(file)).size / 1e6).toFixed(2)} MB  made in ${minutes()} min`)
} finally {
  await rm(work, { recursive: true, force: true })
}

type Learned = 'everything' | 'answers' | 'calls'

/** Labels of what the assistant says, its end of turn included, or of that only what stands from a bracket on; the rest is context. */
function labelsOf(tokenizer: Tokenizer, ids: readonly number[], learned: Learned): number[] {
  if (learned === 'everything') return [...ids]
  const [begin] = tokenizer.encode('<|im_start|>', { special: true })
  const [end] = tokenizer.encode(endOfTurn, { special: true })
  const speaker = tokenizer.encode('assistant\n')
  let spoken = false
  let called = false
  return ids.map((id, index) => {
    const at = index - speaker.length
    if (ids[at - 1] === begin && speaker.every((word, offset) => ids[at + offset] === word)) spoken = true
    called = spoken && (called || tokenizer.decode([id]).includes('['))
    const label = spoken && (called || learned === 'answers') ? id : ignoreLabel
    if (id === end) spoken = false
    return label
  })
}

/** The untrained model as a Hugging Face folder, beside its tokenizer. */
async function writeStart(
  folder: string,
  shape: typeof architecture & { readonly vocab: number },
  twins: ReadonlyMap<number, number>,
): Promise<void> {
  const tensors = [...copyingStart(shape, seed, twins)].map(([name, { rows, columns, values }]) => ({
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
