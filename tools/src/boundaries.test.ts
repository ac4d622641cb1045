import { ESLint } from 'eslint'
import { beforeAll, expect, test } from 'vitest'
import { command } from './command.js'
import { root } from './root.js'

const eslint = new ESLint({ cwd: root })
const rules = async (file: string, code: string) => {
  const [result] = await eslint.lintText(code, { filePath: `${root}/${file}` })
  return result!.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`)
}

// The rule reads the project graph from Nx's cache.
beforeAll(async () => {
  expect((await command('nx', ['show', 'projects'])).code).toBe(0)
}, 60_000)

test.each([
  ['a lower layer importing a higher one', 'packages/weights/src/x.ts', '@qt/data'],
  ['one engine importing another', 'packages/quantize/src/x.ts', '@qt/trainer-native'],
  ['embeddings importing datasets', 'packages/embed/src/x.ts', '@qt/data'],
  ['datasets importing embeddings', 'packages/data/src/x.ts', '@qt/embed'],
  ['core importing anything of ours', 'packages/core/src/x.ts', '@qt/weights'],
])('%s is an error', async (_, file, imported) => {
  const found = await rules(file, `import { x } from '${imported}'\nexport const y = x\n`)
  expect(found.join('\n')).toContain('@nx/enforce-module-boundaries')
})

test('a deep relative import into another package is an error', async () => {
  const found = await rules(
    'packages/data/src/x.ts',
    "import { Tokenizer } from '../../tokenizer/src/index.js'\nexport const y = Tokenizer\n",
  )
  expect(found.join('\n')).toContain('@nx/enforce-module-boundaries')
})

test('an arrow that points down is allowed', async () => {
  expect(
    await rules('packages/data/src/x.ts', "import { Tokenizer } from '@qt/tokenizer'\nexport const y = Tokenizer\n"),
  ).toEqual([])
})
