import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { convert } from '@qt/weights'
import { expect, test } from 'vitest'
import { temporaryFolder } from './support.js'

const run = promisify(execFile)
const library = new URL('../dist/index.js', import.meta.url).href
const model = fileURLToPath(new URL('../../weights/test/fixtures/tiny-llama', import.meta.url))

test('the examples of the README run, one after the other', async () => {
  const folder = await temporaryFolder()
  await convert(model, join(folder, 'model.gguf'), { type: 'F16' })
  const chat = (i: number) => ({
    messages: [
      { role: 'user', content: `the cat ${i}` },
      { role: 'assistant', content: 'the hat sat on the mat' },
    ],
  })
  await writeFile(join(folder, 'chats.jsonl'), Array.from({ length: 20 }, (_, i) => JSON.stringify(chat(i))).join('\n'))
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code!)
  expect(examples).toHaveLength(2)
  const printed: string[] = []
  for (const [i, code] of examples.entries()) {
    const file = join(folder, `example-${i}.mjs`)
    await writeFile(file, code.replaceAll("'@qt/trainer-native'", `'${library}'`))
    printed.push((await run(process.execPath, [file], { cwd: folder })).stdout)
  }
  expect(printed[0]).toMatch(/base weights .*\n30 \d\.\d+ \d+.*runs\/first\/adapter \d/s)
  expect(printed[1]).toMatch(/ (end|length|stop)\n-\d+\.\d+\n$/)
})
