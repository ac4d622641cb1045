import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { trainFlags } from '../src/train-flags.js'
import { submitK8s } from '../src/verbs/submit-k8s.js'
import { submitSlurm } from '../src/verbs/submit-slurm.js'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-slurm-'))
  await writeFile(join(folder, 'train.yaml'), 'base: owner/model\ndata: { path: rows.jsonl }\noutput: runs/first\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('--dry-run prints the script on a machine without Slurm, and writes nothing', async () => {
  const args = ['submit', 'slurm', '--config', 'train.yaml', '--time', '12:00:00', '--output', 'runs/second', '--dry-run']
  const { code, stdout } = await qt(args, '', { cwd: folder, env: { PATH: '/nowhere' } })
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^#!\/bin\/bash\n[\s\S]*^#SBATCH --time=12:00:00$/m)])
  // This program on this Node, whatever the machines' PATH is.
  expect(stdout).toContain(` rank ${process.execPath} `)
  expect(stdout).toMatch(/\nrun=\S*\/runs\/second\n/)
  expect(JSON.parse((await qt([...args, '--json'], '', { cwd: folder })).stdout)).toEqual({ script: stdout })
  expect(existsSync(join(folder, 'runs'))).toBe(false)
})

test('without Slurm, and with a configuration that is wrong, nothing is written', async () => {
  const without = await qt(['submit', 'slurm', '--config', 'train.yaml'], '', { cwd: folder, env: { PATH: '/nowhere' } })
  expect([without.code, without.stderr]).toEqual([1, expect.stringMatching(/Slurm is not installed[\s\S]*--dry-run/)])
  await writeFile(join(folder, 'wrong.yaml'), 'base: owner/model\ndata: { path: rows.jsonl }\ntraining: { stepz: 3 }\n')
  const wrong = await qt(['submit', 'slurm', '--config', 'wrong.yaml', '--dry-run'], '', { cwd: folder })
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/wrong\.yaml:3 .*stepz/)])
  expect(existsSync(join(folder, 'runs'))).toBe(false)
})

test('a folder for which nothing was submitted has no status, no log and nothing to cancel', async () => {
  for (const verb of ['status', 'log', 'cancel'])
    expect(await qt(['submit', verb, 'runs/first'], '', { cwd: folder })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Nothing was submitted for the run in runs/first'),
    })
})

test('a flag of the cluster takes none away from the training', () => {
  for (const { flags } of [submitSlurm, submitK8s]) expect(flags).toMatchObject(trainFlags)
})
