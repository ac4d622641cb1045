import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tiny = fixture('tiny.gguf')

test('serve answers until Ctrl-C, tells where in one document, and ends with 0', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-serve-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'tokens.txt'), 'secret-token\n')
  const { child, ended } = start([
    'serve',
    tiny,
    '--port',
    '0',
    '--name',
    'tiny',
    '--token-file',
    join(folder, 'tokens.txt'),
    '--json',
  ])
  const first = await new Promise<string>((resolve) => child.stdout.once('data', (text: string) => resolve(text)))
  const { url, models } = JSON.parse(first)
  expect(models).toEqual(['tiny'])
  const ask = (token: string) =>
    fetch(`${url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ model: 'tiny', prompt: 'the', max_tokens: 2 }),
    })
  expect((await ask('guess')).status).toBe(401)
  expect((await ask('secret-token')).status).toBe(200)
  child.kill('SIGINT')
  const { code, stdout, stderr } = await ended
  expect([code, stdout]).toEqual([0, first])
  expect(stderr).toContain('200  POST /v1/completions')
  expect(stderr).not.toContain('secret-token')
})

test.each([
  [['--host', '0.0.0.0'], 'SERVE_OPEN'],
  [['--concurrent', '0'], 'GENERATE_OPTION'],
  [['--queue', '-1'], 'SERVE_LIMIT'],
  [['--tool-form', 'smoke'], 'USAGE_BAD_VALUE'],
])('serve refuses %o', async (flags, code) => {
  const outcome = await qt(['serve', tiny, '--port', '0', '--json', ...flags])
  expect(outcome.code).toBe(2)
  expect(JSON.parse(outcome.stdout).error.code).toBe(code)
})
