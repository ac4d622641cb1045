import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { corpus, recipe } from '@qt/base-model'
import { permutation } from '@qt/core'
import { trainBpe } from '@qt/tokenizer'
import { train } from '@qt/trainer-native'
import { convert } from '@qt/weights'
import { root } from './root.js'

/** `npm run make-base`: trains packages/base-model/model/base.gguf from its recipe. */
const target = join(root, 'packages/base-model/model')
const work = await mkdtemp(join(tmpdir(), 'qt-base-'))
try {
  const { seed } = recipe
  const made = [...corpus('stories', { count: recipe.stories, seed }), ...corpus('scenes', { count: recipe.scenes, seed })]
  const texts = [...permutation(made.length, seed, 'shuffle', 0)].map((index) => made[index]!)
  const data = join(work, 'texts.jsonl')
  await writeFile(data, texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))

  const tokenizer = join(work, 'tokenizer.json')
  const json = await trainBpe(texts, { vocabularySize: recipe.vocabulary, specialTokens: ['<|endoftext|>'] })
  await writeFile(tokenizer, JSON.stringify(json))

  const run = train({
    architecture: recipe.architecture,
    tokenizer,
    data: { path: data, format: 'text', validation: 0.01 },
    training: { ...recipe.training, seed },
    output: join(work, 'run'),
  })
  for await (const event of run) {
    if (event.type === 'step' && event.step % 10 === 0)
      console.log(`step ${event.step}  loss ${event.loss.toFixed(3)}  ${Math.round(event.tokensPerSecond)} tokens/s`)
    if (event.type === 'validation') console.log(`validation  loss ${event.loss.toFixed(3)}`)
  }
  const { model } = await run
  if (model === undefined) throw new Error('The training left no model.')

  await mkdir(target, { recursive: true })
  const file = join(target, 'base.gguf')
  await convert(model.path, file, { type: 'F16' })
  console.log(`${relative(root, file)}  ${((await stat(file)).size / 1e6).toFixed(2)} MB`)
} finally {
  await rm(work, { recursive: true, force: true })
}
