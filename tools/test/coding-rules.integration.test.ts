import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command, tail } from '../src/command.js'

test('the example generates, measures and splits a set of rules', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-rules-'))
  try {
    const run = await command('tsx', ['examples/coding-rules-dataset/build.ts', '240', folder])
    expect(run.code, tail(run)).toBe(0)
    expect(run.stdout).toContain('240 examples of coding-rules')
    expect(await readFile(join(folder, 'quality.html'), 'utf8')).toContain('Every check passed.')
    const parts = await Promise.all(['train', 'validation'].map((name) => readFile(join(folder, `${name}.jsonl`), 'utf8')))
    const [training = 0, validation = 0] = parts.map((text) => text.trim().split('\n').length)
    expect(training + validation).toBe(240)
    expect(validation / 240).toBeCloseTo(0.2, 1)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 600_000)
