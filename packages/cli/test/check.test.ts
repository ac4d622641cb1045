import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-check-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('calls a sound file sound, with its checksum', async () => {
  const { code, stdout } = await qt(['check', tiny, '--json'])
  expect(code).toBe(0)
  const report = JSON.parse(stdout)
  expect(report).toMatchObject({ ok: true })
  expect((await qt(['check', tiny, '--sha256', report.files[0].sha256])).stdout).toMatch(/Sound: \d+ tensors\.$/m)
})

test('ends with 1 and says what is wrong with a file that was cut off', async () => {
  const cut = join(folder, 'cut.gguf')
  await writeFile(cut, (await readFile(tiny)).subarray(0, -100))
  const { code, stdout } = await qt(['check', cut])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^error: /)
})
