import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { chatTemplate, conversations, corpus, recipe, specialTokens } from '@qt/base-model'
import { permutation } from '@qt/core'
import { renderChat } from '@qt/data'
import { quantize } from '@qt/quantize'
import { Tokenizer, trainBpe } from '@qt/tokenizer'
import { train } from '@qt/trainer-native'
import { convert } from '@qt/weights'
import { root } from './root.js'

/** `npm run make-base`: trains packages/base-model/model/base.gguf from its recipe, about ten minutes on two idle cores. */
const target = join(root, 'packages/base-model/model')
const work = await mkdtemp(join(tmpdir(), 'qt-base-'))
const started = performance.now()
const minutes = () => ((performance.now() - started) / 60_000).toFixed(1)
try {
  const { seed } = recipe
  const chats = [
    ...conversations('tales', { count: recipe.tales, seed }),
    ...conversations('rules', { count: recipe.rules, seed }),
  ]
  const stories = corpus('stories', { count: recipe.stories, seed })
  const [eos] = specialTokens
  const made = [...chats.map((messages) => renderChat(messages, chatTemplate)), ...stories.map((story) => `${story}${eos}`)]

  const folder = join(work, 'tokenizer')
  await mkdir(folder)
  const spoken = [...chats.flatMap((messages) => messages.map(({ role, content }) => `${role}\n${content}`)), ...stories]
  const json = await trainBpe(spoken, { vocabularySize: recipe.vocabulary, specialTokens })
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json))
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ eos_token: '<|im_end|>', pad_token: eos, chat_template: chatTemplate }),
  )
  const tokenizer = await Tokenizer.load(join(folder, 'tokenizer.json'))

  // As token rows: here the model learns every part of a conversation, not only the answers.
  const rows = [...permutation(made.length, seed, 'shuffle', 0)].map((index) => [
    ...tokenizer.encode(made[index]!, { special: true }),
  ])
  const { sequenceLength } = recipe.training
  const data = join(work, 'rows.jsonl')
  await writeFile(data, rows.map((ids) => `${JSON.stringify({ input_ids: ids.slice(0, sequenceLength) })}\n`).join(''))
  const tokens = rows.reduce((sum, ids) => sum + ids.length, 0)
  console.log(`${made.length} texts, ${tokens} tokens, a vocabulary of ${tokenizer.vocabularySize} (${minutes()} min)`)

  const run = train({
    architecture: recipe.architecture,
    tokenizer: join(folder, 'tokenizer.json'),
    data: { path: data, format: 'tokens', validation: 0.01 },
    training: { ...recipe.training, seed },
    output: join(work, 'run'),
  })
  let steps = 0
  for await (const event of run) {
    if (event.type === 'start') steps = event.steps ?? 0
    if (event.type === 'step' && event.step % 10 === 0)
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
