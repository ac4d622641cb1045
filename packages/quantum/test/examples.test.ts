import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const example = fileURLToPath(new URL('../../../examples/max-cut/cut.js', import.meta.url))

test('the example draws a cut', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-max-cut-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const out = join(folder, 'cut.html')
  const { stdout } = await promisify(execFile)(process.execPath, [example, out])
  const [, cut, edges] = /^(\d+) of (\d+) edges/.exec(stdout) ?? []
  const page = await readFile(out, 'utf8')
  expect(page.match(/<line/g)).toHaveLength(Number(edges))
  // Those that are cut are drawn as such.
  expect(page.match(/stroke="#222"/g)).toHaveLength(Number(cut))
})
