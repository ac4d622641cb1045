import { spawn } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { corpus } from '@qt/base-model'
import { root } from './root.js'

/** `npm run demo [-- --steps N] [--folder DIR]`: from nothing to a fine-tuned GGUF, by commands that a reader can type. */
const { values } = parseArgs({ options: { steps: { type: 'string' }, folder: { type: 'string', default: 'runs/demo' } } })
const steps = values.steps === undefined ? [] : ['--steps', values.steps]
const { folder } = values
// The configurations name runs/demo; another folder is told by flags.
const moved = folder !== 'runs/demo'
const output = (run: string) => (moved ? ['--output', `${folder}/${run}`] : [])
const example = 'examples/first-model'
const prompts = { story: 'Once there was', scene: 'You stand in the' }
const sampling = ['--raw', '--max-tokens', '80', '--temperature', '0.7', '--seed', '1']

const say = (text: string) => console.log(`\n\u001b[1m${text}\u001b[0m`)

/** Shows a qt command, runs it from the repository's root, and ends the demo when it fails. */
async function qt(...args: string[]): Promise<void> {
  console.log(`$ npx qt ${args.map((arg) => (/[\s"']/.test(arg) ? `'${arg}'` : arg)).join(' ')}`)
  const child = spawn(join(root, 'node_modules/.bin/qt'), args, { cwd: root, stdio: 'inherit' })
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1))
    child.on('close', (status) => resolve(status ?? 1))
  })
  if (code !== 0) {
    console.error(`\nThe demo stops here: the command above ended with ${code}.`)
    process.exit(code)
  }
}

const started = performance.now()
say('1. Make the texts: 3000 little adventures to learn from, 600 scenes with dice to fine-tune on')
await rm(join(root, folder), { recursive: true, force: true })
await mkdir(join(root, folder), { recursive: true })
for (const [name, count] of [
  ['stories', 3000],
  ['scenes', 600],
] as const) {
  const lines = corpus(name, { count }).map((text) => JSON.stringify({ text }))
  await writeFile(join(root, folder, `${name}.jsonl`), `${lines.join('\n')}\n`)
  console.log(`${folder}/${name}.jsonl   ${lines[0]?.slice(0, 90)}…`)
}

say('2. Train a tokenizer: byte-level BPE, 1024 tokens')
const texts = ['--data', `${folder}/stories.jsonl`, '--data', `${folder}/scenes.jsonl`]
await qt('tokenizer', 'train', ...texts, '--vocabulary-size', '1024', '--out', `${folder}/tokenizer`)

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
await qt('generate', '--model', `${folder}/base/model`, '--prompt', prompts.scene, ...sampling)
await qt('generate', '--model', `${folder}/model.gguf`, '--prompt', prompts.scene, ...sampling)

say(`Done in ${Math.round((performance.now() - started) / 1000)} s. What lies where:`)
console.log(`  ${folder}/stories.jsonl, scenes.jsonl   the texts
  ${folder}/tokenizer/                    the tokenizer
  ${folder}/base/                         the run from nothing: events.jsonl, config.yaml, model/ (Hugging Face folder)
  ${folder}/tuned/                        the LoRA run: events.jsonl, config.yaml, adapter/ (PEFT folder)
  ${folder}/model.gguf                    the result, for any program that reads GGUF
  ${example}/*.yaml            the two configurations, to change and run again`)
