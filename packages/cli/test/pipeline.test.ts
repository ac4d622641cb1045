import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const projects = fileURLToPath(new URL('../../pipeline/test/fixtures', import.meta.url))

let folder = ''
let game = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt pipeline-'))
  game = join(folder, 'my game')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('as JSON an error has every finding, and its commands can be pasted', async () => {
  await cp(join(projects, 'mistakes'), game, { recursive: true })
  const { code, stdout } = await qt(['pipeline', game, '--base', fixture('tiny.gguf'), '--json'])
  const { error, findings } = JSON.parse(stdout)
  expect([code, error.code]).toEqual([2, 'PIPELINE_DATA_INVALID'])
  const files = await readdir(join(game, 'scenarios'))
  expect(findings.length).toBeGreaterThan(files.length)
  expect(new Set(findings.map(({ severity }: { severity: string }) => severity))).toEqual(new Set(['error', 'warning']))
  const command: string = error.actions[1].command
  expect(command).toMatch(/^(npx qt|qt|node .*qt\.js) data fix /)
  expect(command).toContain(` '${join(game, 'scenarios')}'`)
})

test('a pipeline that mpirun starts several times is refused by each of them, and not by what the first has locked', async () => {
  await cp(join(projects, 'tiny'), game, { recursive: true })
  const env = { OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '2' }
  const { code, stderr } = await qt(['pipeline', game, '--base', fixture('tiny.gguf')], '', { env })
  expect([code, stderr]).toEqual([2, expect.stringContaining('qt pipeline is one process, and this is one of 2')])
})

test('tools that cannot be read are told with what is wrong in their file', async () => {
  await cp(join(projects, 'tiny'), game, { recursive: true })
  await writeFile(join(game, 'pipeline.yaml'), 'data: { tools: tools.json }\n')
  await writeFile(join(game, 'tools.json'), '[{"name": "Weather"}]')
  const { code, stderr } = await qt(['pipeline', game, '--base', fixture('tiny.gguf')])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('tools.json does not declare tools: 0.name: a name in small letters.'),
  ])
})

test('what goes on after an interruption can be pasted', async () => {
  await cp(join(projects, 'tiny'), game, { recursive: true })
  await mkdir(join(game, 'scenarios/many'))
  const text = await readFile(join(game, 'scenarios/combat/bridge.md'), 'utf8')
  for (let i = 0; i < 400; i++) await writeFile(join(game, `scenarios/many/${i}.md`), text.replace('I look', `I look ${i} times`))
  const { child, ended, stderr } = start(['pipeline', game, '--base', fixture('tiny.gguf'), '--json'])
  // Once: a second one stops at once.
  let stopped = false
  child.stderr.on('data', () => {
    if (!stopped && stderr().includes('[1/8] validate')) stopped = child.kill('SIGINT')
  })
  const { code, stdout } = await ended
  const { error, resume, findings } = JSON.parse(stdout)
  expect([code, error.code, findings]).toEqual([130, 'PIPELINE_INTERRUPTED', []])
  expect(resume).toMatch(/^(npx qt|qt|node .*qt\.js) pipeline /)
  expect(resume).toContain(` pipeline '${game}' --base `)
})
