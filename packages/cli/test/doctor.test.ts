import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-doctor-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('says what is there, and ends with 1 only when something needed is missing', async () => {
  const { code, stdout } = await qt(['doctor'])
  for (const check of ['node', 'engine', 'memory', 'disk', 'gpu']) expect(stdout).toMatch(new RegExp(`^[✓!✗] ${check} `, 'm'))
  expect(code).toBe(stdout.includes('\n✗ ') ? 1 : 0)
  expect(stdout).toContain(code === 0 ? 'Everything that is needed is there.' : 'missing')
})

test('as JSON it is one document, with the facts and what they mean', async () => {
  const { code, stdout } = await qt(['doctor', '--json'])
  const { ok, findings, profile } = JSON.parse(stdout)
  expect(code).toBe(ok ? 0 : 1)
  expect(findings).toContainEqual({ check: 'node', status: 'fine', found: process.versions.node, actions: [] })
  expect(profile.memory.total).toBeGreaterThan(1e8)
})

test.each(['json', 'md', 'html'])('writes its report as .%s', async (extension) => {
  const file = join(folder, `report.${extension}`)
  const { stderr } = await qt(['doctor', '--report', file])
  expect(stderr).toBe(`wrote ${file}\n`)
  const text = await readFile(file, 'utf8')
  expect(text).toContain(process.versions.node)
  if (extension === 'json') expect(JSON.parse(text).findings.length).toBeGreaterThan(8)
})

test('makes the folder of its report, and says what it found also when it cannot', async () => {
  const file = join(folder, 'not there', 'report.html')
  expect((await qt(['doctor', '--report', file])).stderr).toBe(`wrote ${file}\n`)
  const { code, stdout, stderr } = await qt(['doctor', '--report', join(file, 'below.md')])
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${file} is a file`)])
  expect(stdout).toMatch(/^[✓!✗] node /m)
})

test('a report of another kind is refused before anything is looked at', async () => {
  const { code, stderr } = await qt(['doctor', '--report', 'report.pdf'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('must end in .json, .md or .html')])
})
