import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { chatTemplate, recipe, type Stage } from '@qt/base-model'
import { quantize } from '@qt/quantize'
import { Tokenizer } from '@qt/tokenizer'
import { train } from '@qt/trainer-native'
import { convert } from '@qt/weights'
import { stageRows, stageTexts } from './make-base/rows.js'
import { writeStart } from './make-base/start.js'
import { root } from './root.js'

/** `npm run make-base`: trains packages/base-model/model/base.gguf from its recipe, about an hour on two cores. */
const target = join(root, 'packages/base-model/model')
const work = await mkdtemp(join(tmpdir(), 'qt-base-'))
const started = performance.now()
const minutes = () => ((performance.now() - started) / 60_000).toFixed(1)
try {
  const start = join(work, 'start')
  await mkdir(start)
  await writeStart(
    start,
    recipe.stages.flatMap((stage) => stageTexts(stage).said),
  )
  const tokenizer = await Tokenizer.load(join(start, 'tokenizer.json'))
  console.log(`a vocabulary of ${tokenizer.vocabularySize} (${minutes()} min)`)

  let model = start
  for (const [index, stage] of recipe.stages.entries()) model = await trained(stage, model, join(work, `stage-${index + 1}`))

  await mkdir(target, { recursive: true })
  const exact = join(work, 'base-f32.gguf')
  await convert(model, exact, { type: 'F32' })
  const file = join(target, 'base.gguf')
  await quantize(exact, file, { type: 'Q8_0' })
  console.log(`${relative(root, file)}  ${((await stat(file)).size / 1e6).toFixed(2)} MB  made in ${minutes()} min`)

  /** The model after one more stage. */
  async function trained(stage: Stage, base: string, output: string): Promise<string> {
    const rows = stageRows(tokenizer, stage, chatTemplate)
    const data = `${output}.jsonl`
    await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const tokens = rows.reduce((sum, { input_ids: ids }) => sum + ids.length, 0)
    console.log(`${rows.length} texts, ${tokens} tokens (${minutes()} min)`)
    const run = train({
      base,
      data: { path: data, format: 'tokens', validation: 0.01 },
      training: { ...stage.training, seed: recipe.seed },
      output,
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
    const { model: made } = await run
    if (made === undefined) throw new Error('The training left no model.')
    return made.path
  }
} finally {
  await rm(work, { recursive: true, force: true })
}
