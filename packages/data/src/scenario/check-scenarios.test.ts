import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkScenarios } from './check-scenarios.js'
import type { Finding } from './finding.js'
import { scenarioFiles } from './scenario-files.js'

const story = (what: string) => `<SYSTEM>
# Role
You lead the game.
# World
A world.
# Location
${what}
# Party
## Kara
- Level 3
</SYSTEM>
<User>I look.</User>
<DM>Dust.</DM>
`
let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qt-check-'))
  await mkdir(join(root, 'scenarios/combat'), { recursive: true })
  await mkdir(join(root, 'held-out'))
  await writeFile(join(root, 'scenarios/combat/cave.md'), story('A cave.'))
  await writeFile(join(root, 'held-out/tower.md'), story('A tower.'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function check(signal?: AbortSignal, scenarios = join(root, 'scenarios')) {
  const around: Finding[] = []
  const read: string[] = []
  const findings: string[] = []
  const all = checkScenarios(scenarios, {
    heldOut: join(root, 'held-out'),
    onFinding: (finding) => around.push(finding),
    signal,
  })
  for await (const one of all) {
    // A pattern gives names from here.
    read.push(resolve(one.file).slice(root.length + 1))
    findings.push(...one.findings.map(({ code, severity, file }) => `${severity} ${code} ${file?.slice(root.length + 1)}`))
  }
  return { around: around.map(({ code, file }) => `${code} ${file?.slice(root.length + 1)}`).sort(), read, findings }
}

test('each file is read once whatever links lead to it, and no link leads to what is held out', async () => {
  await symlink('.', join(root, 'scenarios/loop'))
  await symlink('..', join(root, 'scenarios/up'))
  await symlink('../held-out', join(root, 'scenarios/mine'))
  await symlink('../held-out/tower.md', join(root, 'scenarios/tower.md'))
  await symlink('combat/cave.md', join(root, 'scenarios/again.md'))
  await symlink('nowhere.md', join(root, 'scenarios/dangling.md'))
  expect(await check()).toEqual({
    around: [
      'link scenarios/again.md',
      'link scenarios/dangling.md',
      'link scenarios/loop',
      'link scenarios/mine/tower.md',
      'link scenarios/tower.md',
      'link scenarios/up',
    ],
    read: ['held-out/tower.md', 'scenarios/combat/cave.md'],
    findings: [],
  })
})

test('a folder outside is followed, once', async () => {
  await mkdir(join(root, 'shared'))
  await writeFile(join(root, 'shared/bridge.md'), story('A bridge.'))
  await symlink('../shared', join(root, 'scenarios/shared'))
  await symlink('../shared', join(root, 'scenarios/twice'))
  const { read, around } = await check()
  expect(read).toEqual(['held-out/tower.md', 'scenarios/combat/cave.md', 'scenarios/shared/bridge.md'])
  expect(around).toEqual(['link scenarios/twice'])
})

test('a copy of what is held out is an error, one within training a warning', async () => {
  await writeFile(join(root, 'scenarios/tower.md'), story('A tower.').replaceAll('\n', '\r\n'))
  await cp(join(root, 'scenarios/combat/cave.md'), join(root, 'scenarios/cave.md'))
  expect((await check()).findings).toEqual([
    'warning copied-scenario scenarios/combat/cave.md',
    'error held-out-copy scenarios/tower.md',
  ])
})

test.each([
  ['a folder', ''],
  ['a pattern', '**/*.md'],
])('what is held out inside %s of scenarios is left out, with one warning', async (_, path) => {
  await cp(join(root, 'held-out/tower.md'), join(root, 'held-out/again.md'))
  const { read, around, findings } = await check(undefined, join(root, path))
  expect(read).toEqual(['held-out/again.md', 'held-out/tower.md', 'scenarios/combat/cave.md'])
  expect(around).toEqual([`held-out-inside ${path}`])
  expect(findings).toEqual(['warning copied-scenario held-out/tower.md'])
})

test('when everything is held out, that is said', async () => {
  await expect(check(undefined, join(root, 'held-out'))).rejects.toThrow(/^Every scenario at .* is held out\.$/)
})

test('a scenario with the ending .txt is named, other text files are not', async () => {
  await writeFile(join(root, 'scenarios/well.txt'), story('A well.'))
  await writeFile(join(root, 'scenarios/notes.txt'), 'Buy candles.')
  await writeFile(join(root, 'scenarios/README.txt'), story('An example.'))
  const { around, read } = await check()
  expect(around).toEqual(['not-markdown scenarios/well.txt'])
  expect(read).toEqual(['held-out/tower.md', 'scenarios/combat/cave.md'])
  await expect(scenarioFiles(join(root, 'scenarios/*.txt'))).rejects.toMatchObject({
    code: 'DATA_NOT_FOUND',
    actions: [{ label: 'Name scenarios .md: well.txt.' }],
  })
})

test('what is no text is one finding, whatever is in it', async () => {
  const files = {
    'utf16.md': Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(story('x'), 'utf16le')]),
    'bare-utf16.md': Buffer.from(story('x'), 'utf16le'),
    'latin.md': Buffer.from(story('café ü'), 'latin1'),
    'binary.md': Buffer.from(Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31 + (i >> 3)) % 256)),
    'long.md': Buffer.alloc(8_000_000, '['),
    'turn.md': Buffer.from(story('x').replace('I look.', '['.repeat(200_000))),
    'turns.md': Buffer.from(story('x') + '<User>Go.</User>\n<DM>On.</DM>\n'.repeat(150)),
    'calls.md': Buffer.from(story('x').replace('Dust.', '[begin combat] '.repeat(5000))),
  }
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(root, 'scenarios', name), bytes)
  await symlink('combat', join(root, 'scenarios/folder.md'))
  expect((await check()).findings).toEqual([
    'error not-utf8 scenarios/bare-utf16.md',
    'error not-text scenarios/binary.md',
    'error too-long scenarios/calls.md',
    'error not-utf8 scenarios/latin.md',
    'error too-long scenarios/long.md',
    'error too-long scenarios/turn.md',
    'error too-long scenarios/turns.md',
    'error not-utf8 scenarios/utf16.md',
  ])
})

test('stops between two files when the signal says so', async () => {
  await expect(check(AbortSignal.abort())).rejects.toThrow()
})
