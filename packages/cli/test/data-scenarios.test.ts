import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const example = fileURLToPath(new URL('../../../examples/dungeon-master/scenarios', import.meta.url))
const broken = `<SYSTEM>
# Role
You lead.
# World
A world.
# Location
A cave.
# Party
## Kara
- Health: 28/18
</SYSTEM>
<User>I look.</User>
<DM>[rol: perception]`
let folder = ''
let file = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-data-'))
  await mkdir(join(folder, 'combat'))
  file = join(folder, 'combat', 'cave.md')
  await writeFile(file, broken)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('validate names file, line and fix of every mistake, and exits with 1; a sound folder exits with 0', async () => {
  const { code, stdout } = await qt(['data', 'validate', folder])
  expect(code).toBe(1)
  expect(stdout).toContain(`${file}:10  Kara has 28 health, more than the 18 it can be.  Write 18/18.`)
  expect(stdout).toContain(`${file}:13  There is no tool "rol".`)
  const sound = await qt(['data', 'validate', example, '--json'])
  expect([sound.code, JSON.parse(sound.stdout).findings]).toEqual([0, []])
})

test('fix corrects what needs no judgement, and only says so in a dry run', async () => {
  const dry = await qt(['data', 'fix', folder, '--dry-run', '--json'])
  expect([JSON.parse(dry.stdout).applied, await readFile(file, 'utf8')]).toEqual([3, broken])
  await qt(['data', 'fix', folder])
  expect(await readFile(file, 'utf8')).toBe(`${broken.replace('28/18', '18/18').replace('rol:', 'roll:')}\n</DM>`)
  expect((await qt(['data', 'validate', folder])).code).toBe(0)
})

test('parse gives the model, or another spelling', async () => {
  const one = join(example, 'combat', 'bridge-at-dusk.md')
  const { stdout } = await qt(['data', 'parse', one, '--json'])
  expect(JSON.parse(stdout).party[0]).toMatchObject({ name: 'Kethra', health: { current: 28, max: 28 } })
  expect((await qt(['data', 'parse', one, '--spelling', 'conversation'])).stdout).toContain('\n# CONVERSATION\n\n## User\n')
  expect((await qt(['data', 'parse', one, '--spelling', 'latin'])).code).toBe(2)
})

test('stats of a folder of scenarios need no tokenizer', async () => {
  const { stdout } = await qt(['data', 'stats', example, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ scenarios: 120, categories: { combat: 28 }, calls: { 'begin combat': 61 } })
})

test('what fix corrects is as much as validate says, and what is not UTF-8 is left alone', async () => {
  const mine = await mkdtemp(join(folder, 'counts-'))
  await writeFile(join(mine, 'cave.md'), broken)
  await writeFile(join(mine, 'latin.md'), Buffer.from(`${broken} caf\u00e9`, 'latin1'))
  await writeFile(join(mine, 'notes.txt'), 'Buy milk.\n')
  const { fixable, errors } = JSON.parse((await qt(['data', 'validate', mine, '--json'])).stdout)
  const fixed = JSON.parse((await qt(['data', 'fix', mine, '--dry-run', '--json'])).stdout)
  expect([fixable, fixed.applied, fixed.left, errors]).toEqual([3, 3, 1, 3])
  const stats = await qt(['data', 'stats', mine, '--json'])
  expect([JSON.parse(stats.stdout).scenarios, stats.stderr]).toEqual([1, expect.stringContaining('This file is not UTF-8')])
})

test('validate finds copies of what is held out', async () => {
  const mine = await mkdtemp(join(folder, 'copies-'))
  for (const part of ['a', 'b']) {
    await mkdir(join(mine, part))
    await writeFile(join(mine, part, 'cave.md'), broken)
  }
  const { code, stdout } = await qt(['data', 'validate', join(mine, 'a'), '--held-out', join(mine, 'b')])
  expect([code, stdout]).toEqual([1, expect.stringContaining(`This is the same scenario as ${join(mine, 'b', 'cave.md')}`)])
})
