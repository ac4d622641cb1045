import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

const qt = join(root, 'node_modules/.bin/qt')

test('after a build the command works from the root of the repository', async () => {
  await access(qt)
  const help = await command(qt, ['--help'])
  expect(help.code, tail(help)).toBe(0)
  for (const verb of ['train', 'generate', 'merge', 'convert', 'inspect', 'tokenize']) expect(help.stdout).toContain(verb)
})

test('a wrong verb ends with 2 and no stack trace', async () => {
  const wrong = await command(qt, ['trian'])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('train')
  expect(wrong.stderr).not.toMatch(/\n\s+at /)
})
