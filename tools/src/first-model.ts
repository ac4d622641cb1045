import { spawn } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { corpus } from '@qt/base-model'
import { root } from './root.js'

/** `npm run first-model [-- --steps N] [--folder DIR]`: from nothing to a fine-tuned GGUF, by commands that a reader can type. */
const { values } = parseArgs({ options: { steps: { type: 'string' }, folder: { type: 'string', default: 'runs/demo' } } })
const steps = values.steps === undefined ? [] : ['--steps', values.steps]
const { folder } = values
// The configurations name runs/demo; another folder is told by flags.
const moved = folder !== 'runs/demo'
const output = (run: string) => (moved ? ['--output', `${folder}/${run}`] : [])
const example = 'examples/first-model'
const prompts = { story: 'Once there was', other: 'In the dark forest' }
const sampling = ['--raw', '--max-tokens', '80', '--temperature', '0.6', '--min-p', '0.1', '--seed', '1']

const say = (text: string) => console.log(`\n\u001b[1m${text}\u001b[0m`)

/** Shows a qt command, runs it from the repository's root, and ends when it fails. */
async function qt(...args: string[]): Promise<void> {
  console.log(`$ npx qt ${args.map((arg) => (/[\s"']/.test(arg) ? `'${arg}'` : arg)).join(' ')}`)
  const child = spawn(join(root, 'node_modules/.bin/qt'), args, { cwd: root, stdio: 'inherit' })
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', (status) => resolve(status ?? 1))
  })
  if (code !== 0) {
    console.error(`\nThe walk-through stops here: the command above ended with ${code}.`)
    process.exit(code)
  }
}

const started = performance.now()
say('1. Make the texts: 3000 little adventures with a few scenes among them to learn from, 600 scenes with dice to fine-tune on')
await rm(join(root, folder), { recursive: true, force: true })
await mkdir(join(root, folder), { recursive: true })
const few = corpus('scenes', { count: 300, seed: 2 })
const texts = {
  stories: corpus('stories', { count: 3000 }).flatMap((story, index) => (index % 10 === 0 ? [story, few[index / 10]] : [story])),
  scenes: corpus('scenes', { count: 600 }),
}
for (const [name, lines] of Object.entries(texts)) {
  await writeFile(join(root, folder, `${name}.jsonl`), lines.map((text) => `${JSON.stringify({ text })}\n`).join(''))
  console.log(`${folder}/${name}.jsonl   ${lines[0]?.slice(0, 90)}…`)
}

say('2. Train a tokenizer: byte-level BPE, 1024 tokens')
const sources = ['--data', `${folder}/stories.jsonl`, '--data', `${folder}/scenes.jsonl`]
await qt('tokenizer', 'train', ...sources, '--vocabulary-size', '1024', '--out', `${folder}/tokenizer`)

say('3. Train a model from nothing')
const nothing = moved ? ['--data', `${folder}/stories.jsonl`, '--tokenizer', `${folder}/tokenizer/tokenizer.json`] : []
await qt('train', '--config', `${example}/base.yaml`, ...nothing, ...output('base'), ...steps)
await qt('generate', '--model', `${folder}/base/model`, '--prompt', prompts.story, ...sampling)

say('4. Fine-tune it with LoRA, from stories to scenes at the table')
const tuning = moved ? ['--base', `${folder}/base/model`, '--data', `${folder}/scenes.jsonl`] : []
await qt('train', '--config', `${example}/tune.yaml`, ...tuning, ...output('tuned'), ...steps)

say('5. Merge the adapter and write one GGUF file')
await qt('merge', '--base', `${folder}/base/model`, '--adapter', `${folder}/tuned/adapter`, '--out', `${folder}/merged`)
await qt('convert', `${folder}/merged`, `${folder}/model.gguf`)
await qt('inspect', `${folder}/model.gguf`)

say('6. The same prompt, before and after')
await qt('generate', '--model', `${folder}/base/model`, '--prompt', prompts.other, ...sampling)
await qt('generate', '--model', `${folder}/model.gguf`, '--prompt', prompts.other, ...sampling)

say(`Done in ${Math.round((performance.now() - started) / 1000)} s. What lies where:`)
console.log(`  ${folder}/stories.jsonl, scenes.jsonl   the texts
  ${folder}/tokenizer/                    the tokenizer
  ${folder}/base/                         the run from nothing: events.jsonl, config.yaml, model/ (Hugging Face folder)
  ${folder}/tuned/                        the LoRA run: events.jsonl, config.yaml, adapter/ (PEFT folder)
  ${folder}/model.gguf                    the result, for any program that reads GGUF
  ${example}/*.yaml            the two configurations, to change and run again`)
