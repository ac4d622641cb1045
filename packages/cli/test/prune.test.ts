import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
let text = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-prune-'))
  text = join(folder, 'text.txt')
  await writeFile(text, 'The rain in the thin another sand. '.repeat(10))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a model without a layer, some channels and some heads is one that the engine reads, and both perplexities are said', async () => {
  const out = join(folder, 'smaller.gguf')
  const cuts = ['--drop-layers', '1', '--keep-channels', '48', '--keep-key-heads', '1']
  const { code, stdout, stderr } = await qt([
    ...['prune', tiny, out, ...cuts, '--text', text, '--row-size', '64', '--threads', '1', '--json'],
  ])
  expect(code, stderr).toBe(0)
  const said = JSON.parse(stdout)
  expect(said).toMatchObject({ output: out, channels: { before: 64, after: 48 }, heads: { before: 4, after: 2 } })
  expect(said.droppedLayers).toHaveLength(1)
  expect(said.bytesAfter).toBeLessThan(said.bytesBefore)
  expect(said.perplexity.before).toBeGreaterThan(1)
  expect(said.perplexity.after).toBeGreaterThan(1)
  expect((await qt(['generate', out, '--prompt', 'The', '--max-tokens', '2'])).code).toBe(0)
})

test('healing trains what was cut, tells three perplexities of other text, and leaves only the model', async () => {
  const out = join(folder, 'healed.gguf')
  const held = join(folder, 'held-out.txt')
  await writeFile(held, 'The sand in the thin another rain. '.repeat(5))
  const flags = ['--text', text, '--row-size', '64', '--threads', '1', '--heal', '30', '--held-out', held, '--json']
  const { code, stdout, stderr } = await qt(['prune', tiny, out, '--drop-layers', '1', ...flags])
  expect(code, stderr).toBe(0)
  expect(stderr).not.toContain('warning')
  const { perplexity } = JSON.parse(stdout)
  expect(perplexity.healed).toBeLessThan(perplexity.after)
  expect((await readdir(folder)).filter((name) => name.startsWith('healed'))).toEqual(['healed.gguf'])
  // A folder of that name that is not ours is left alone.
  const mine = join(folder, 'other.gguf.healing')
  await mkdir(mine)
  await writeFile(join(mine, 'mine.txt'), 'mine')
  const refused = await qt(['prune', tiny, join(folder, 'other.gguf'), '--drop-layers', '1', ...flags])
  expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, 'USAGE_BAD_VALUE'])
  expect(await readdir(mine)).toEqual(['mine.txt'])
  expect((await qt(['generate', out, '--prompt', 'The', '--max-tokens', '2'])).code).toBe(0)
})

test('what cannot be healed is not cut', async () => {
  const out = join(folder, 'unhealed.gguf')
  const odd = join(folder, 'notes.unknown')
  await writeFile(odd, 'The rain in the thin another sand. '.repeat(8))
  const cut = (more: readonly string[]) => qt(['prune', tiny, out, '--drop-layers', '1', '--text', odd, ...more])
  const healed = await cut(['--heal', '2', '--held-out', text])
  expect([healed.code, healed.stderr]).toEqual([2, expect.stringContaining(odd)])
  expect((await readdir(folder)).filter((name) => name.startsWith('unhealed'))).toEqual([])
})

test('healing that is interrupted says how it goes on, and does', async () => {
  const out = join(folder, 'paused.gguf')
  const flags = ['--text', text, '--row-size', '64', '--threads', '1', '--held-out', text]
  const args = ['prune', tiny, out, '--drop-layers', '1', ...flags, '--heal', '2000']
  const run = start(args)
  await vi.waitUntil(() => run.stderr().includes('saved '), { timeout: 120_000, interval: 20 })
  run.child.kill('SIGINT')
  const paused = await run.ended
  expect(paused.code, paused.stderr).toBe(130)
  expect(paused.stderr).toContain('Give the same command again')
  expect(paused.stderr).not.toContain('--resume')
  const again = start(args)
  await vi.waitUntil(() => again.stderr().includes('Resuming after step '), { timeout: 120_000, interval: 20 })
  again.child.kill('SIGINT')
  expect((await again.ended).code).toBe(130)
})

test.each([
  [[], 'USAGE_MISSING_FLAG'],
  [['--text', 'TEXT', '--drop-layers', '1', '--heal', '5'], 'USAGE_MISSING_FLAG'],
  [['--text', 'TEXT', '--drop-layers', '1', '--heal', '0.5', '--held-out', 'TEXT'], 'USAGE_BAD_VALUE'],
  [['--text', 'TEXT'], 'USAGE_MISSING_FLAG'],
  [['--text', 'TEXT', '--drop-layers', '2'], 'PRUNE_COUNT'],
  [['--text', 'none.txt', '--drop-layers', '1'], 'FILE_PROBLEM'],
])('refuses %j and writes nothing', async (flags, expected) => {
  const args = flags.map((flag) => (flag === 'TEXT' ? text : flag))
  const { code, stdout } = await qt(['prune', tiny, join(folder, 'none.gguf'), ...args, '--json'])
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, expected])
  expect(await readdir(folder)).not.toContain('none.gguf')
})
