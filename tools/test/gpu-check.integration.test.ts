import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

/* What is run on a machine with a GPU, with the emulator in its place: nothing of it is tried for the first time where time is lent. */

const native = join(root, 'packages/trainer-native/native')
const build = join(native, 'build/release')
const python = (await command('python3', ['--version'])).code === 0
const there = existsSync(join(build, 'gpu_bench')) && existsSync(join(build, 'cuda/emulator/libqt_cuda_emulated.so'))
if (!there) console.log('The benchmark for GPUs is not tried: ctest of trainer-native has not built it.')
if (!python) console.log('Its table is not tried: python3 is not installed.')

const trained = ['lora-0.5b', 'lora-8b', 'qlora-8b-q4k', 'qlora-8b-nf4', 'scratch-1b', 'full-1.5b', 'context-8b']
const lineSchema = z.looseObject({ case: z.string(), first_loss: z.number().optional(), last_loss: z.number().optional() })

let out: string
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'qt-gpu-check-'))
})
afterAll(() => rm(out, { recursive: true, force: true }))

test.skipIf(!there)('every case of the benchmark runs, and what is trained from nothing learns', async () => {
  const run = await command(join(native, 'cuda/check.sh'), ['--emulated', 'bench'], { env: { QT_BUILD: build, QT_RESULTS: out } })
  expect(run.code, tail(run)).toBe(0)
  const text = await readFile(join(out, 'ours.jsonl'), 'utf8')
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line) => lineSchema.parse(JSON.parse(line)))
  expect(lines.filter((line) => 'absent' in line)).toEqual([])
  expect(lines.map((line) => line.case)).toEqual(
    expect.arrayContaining(['device', 'product', 'attention', ...trained, 'curve', 'generation']),
  )
  const scratch = lines.find((line) => line.case === 'scratch-1b')
  expect(scratch?.last_loss).toBeLessThan(scratch?.first_loss ?? 0)
})

test.skipIf(!there)('what has no time left is named at the end, and fails the call', async () => {
  const [results, copy] = [join(out, 'late'), join(out, 'copy')]
  const run = await command(join(native, 'cuda/check.sh'), ['--emulated', 'bench', 'table'], {
    env: { QT_BUILD: build, QT_RESULTS: results, OUT: copy, QT_SECONDS: '0', QT_ONLY: 'product,curve' },
  })
  expect(run.code).toBe(1)
  const said = run.stdout.slice(run.stdout.indexOf('== summary'))
  expect(said).toContain('FAILED ours-product')
  expect(said).toContain('no time is left')
  expect(said).toContain('failed: ours-product ours-curve;')
  expect(await readFile(join(copy, 'summary.txt'), 'utf8')).toContain('FAILED ours-curve')
})

test.skipIf(!there || !python)('the table holds ours against the peers, and says what is missing', async () => {
  const peer = { case: 'lora-8b', tokens_per_second: 1e-3, peak_mib: 1e3, compiled: false }
  const absent = { case: 'qlora-8b-nf4', absent: 'no bitsandbytes' }
  await writeFile(join(out, 'peers.jsonl'), [peer, absent].map((line) => JSON.stringify(line)).join('\n'))
  const run = await command(join(native, 'cuda/check.sh'), ['--emulated', 'table'], { env: { QT_BUILD: build, QT_RESULTS: out } })
  expect(run.code, tail(run)).toBe(0)
  const row = (name: string) => run.stdout.split('\n').find((line) => line.startsWith(`| ${name}, tokens/s |`))
  expect(row('lora-8b')).toMatch(/\| 1\.25 \| \d+ MiB \| 1000 MiB \| 0\.0\d \| 0\.60 \|/)
  expect(run.stdout).toContain('Device: CUDA emulator')
  expect(row('qlora-8b-nf4')).toContain('no bitsandbytes')
})
