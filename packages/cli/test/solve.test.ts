import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-solve-'))
  await writeFile(at('graph.txt'), '4 5 J\n1 2 1\n2 3 1\n3 4 1\n4 1 1\n1 3 1\n')
  await writeFile(at('model.qubo'), 'c two bits\np qubo 0 2 2 1\n0 0 -1\n1 1 -1\n0 1 3\n')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('cuts a graph and says so as one document', async () => {
  const { code, stdout } = await qt(['solve', at('graph.txt'), '--time', '1', '--seed', '1', '--json'])
  const { cut, energy, solution } = JSON.parse(stdout)
  expect([code, cut, energy, solution.length]).toEqual([0, 4, -4, 4])
})

test('a fixed amount of work gives the same solution from any solver run twice', async () => {
  const args = ['solve', at('graph.txt'), '--solver', 'parallel-tempering', '--sweeps', '50', '--seed', '3', '--json']
  const [one, two] = [JSON.parse((await qt(args)).stdout), JSON.parse((await qt([...args, '--threads', '1'])).stdout)]
  expect(one.solution).toEqual(two.solution)
})

test('maximises when told, and prints for people', async () => {
  const { stdout } = await qt(['solve', at('model.qubo'), '--maximise'])
  expect(stdout).toMatch(/2 variables, 1 couplings \(qubo\)\nenergy 1, proven optimal/)
})

test.each([
  [['--solver', 'magic'], 'USAGE_BAD_VALUE'],
  [['--format', 'xml'], 'USAGE_BAD_VALUE'],
  [['--time', '-1'], 'QUBO_OPTION'],
])('refuses %j', async (flags, expected) => {
  const { code, stdout } = await qt(['solve', at('model.qubo'), ...flags, '--json'])
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, expected])
})

test('a comment that names Beasley is overruled, and not by both flags at once', async () => {
  await writeFile(at('negated.qubo'), 'c converted from Beasley, negated\np qubo 0 2 2 1\n0 0 -1\n1 1 -1\n0 1 3\n')
  const [guessed, told, both] = await Promise.all([
    qt(['solve', at('negated.qubo')]),
    qt(['solve', at('negated.qubo'), '--minimise']),
    qt(['solve', at('negated.qubo'), '--minimise', '--maximise']),
  ])
  expect(guessed.stderr).toContain('--minimise')
  expect([guessed.stdout.includes('energy 1,'), told.stdout.includes('energy -1,'), both.code]).toEqual([true, true, 2])
})

test('Ctrl-C ends an exact search with the best so far, and says so', async () => {
  const pairs: string[] = []
  for (let i = 0; i < 60; i++) for (let j = i; j < 60; j++) pairs.push(`${i} ${j} ${((7 * i * i + 13 * j * j) % 201) - 100}`)
  await writeFile(at('dense.coo'), pairs.join('\n'))
  const { child, ended } = start(['solve', at('dense.coo'), '--solver', 'exact', '--time', '120', '--json'])
  // Nothing is printed meanwhile: by then it has begun, also on a busy machine.
  const interrupt = setTimeout(() => child.kill('SIGINT'), 8000)
  const { code, stdout } = await ended.finally(() => clearTimeout(interrupt))
  expect(code).toBe(130)
  const { interrupted, proven, seconds } = JSON.parse(stdout)
  expect([interrupted, proven, seconds < 60]).toEqual([true, false, true])
})

test('names the line that is wrong', async () => {
  await writeFile(at('broken.qubo'), 'p qubo 0 2 1 1\n0 0 -1\n0 x 3\n')
  const { code, stderr } = await qt(['solve', at('broken.qubo')])
  expect(code).toBe(2)
  expect(stderr).toContain('broken.qubo:3')
})
