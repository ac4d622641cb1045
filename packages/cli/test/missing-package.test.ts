import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const root = fileURLToPath(new URL('../../../', import.meta.url))
let folder = ''

/** The command as installed beside core alone. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qt-alone-'))
  for (const name of ['cli', 'core'])
    for (const part of ['package.json', 'dist', 'bin']) {
      if (name === 'core' && part === 'bin') continue
      cpSync(join(root, 'packages', name, part), join(folder, 'node_modules/@qt', name, part), { recursive: true })
    }
  const core = createRequire(join(root, 'packages/core/package.json'))
  for (const name of ['zod', 'yaml'])
    cpSync(dirname(core.resolve(`${name}/package.json`)), join(folder, 'node_modules', name), { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  [['inspect', 'model.gguf'], '@qt/weights'],
  [['train', '--base', 'model.gguf', '--data', 'rows.jsonl'], '@qt/trainer-native'],
])('a verb whose package is missing prints the line that installs it: %j', (args, name) => {
  const bin = join(folder, 'node_modules/@qt/cli/bin/qt.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8' })
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toContain(`This needs the package ${name}, which is not installed.`)
  expect(stderr).toContain(`      npm install ${name}\n`)
})
