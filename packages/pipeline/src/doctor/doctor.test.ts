import { statSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DoctorReport } from './doctor.js'
import { doctor } from './doctor.js'
import { nativePart } from './native-part.js'
import { renderReport, verdictOf } from './render-report.js'

test('looks at this machine', { timeout: 60_000 }, async () => {
  const { ok, findings, profile, time } = await doctor({ folder: tmpdir() })
  expect(profile.node).toBe(process.versions.node)
  expect(profile.processor.allowed).toBe(availableParallelism())
  expect(profile.memory.total).toBeGreaterThan(profile.memory.free)
  expect(profile.disk!.total).toBeGreaterThan(statSync(tmpdir()).size)
  expect(findings.map(({ check }) => check)).toEqual([
    ...['system', 'node', 'npm', 'engine', 'quantiser', 'tools', 'processor', 'memory', 'disk', 'gpu'],
  ])
  expect(ok).toBe(!findings.some(({ status }) => status === 'missing'))
  expect(Date.parse(time)).toBeGreaterThan(0)
})

test('a package that is not installed, one without a native part, and none of ours', { timeout: 60_000 }, async () => {
  expect(await nativePart('@qt/no-such-package')).toEqual({ state: 'absent' })
  expect(await nativePart('@qt/core')).toEqual({ state: 'unknown' })
})

test('a native part that ends its process, or throws, is told apart from one that works', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-native-'))
  const packageOf = async (name: string, source: string) => {
    const file = join(folder, `${name}.mjs`)
    await writeFile(file, source)
    return nativePart(file)
  }
  try {
    const why = 'Loading it used an instruction that this processor does not have (SIGILL).'
    expect(
      await packageOf('dies', "process.kill(process.pid, 'SIGILL'); await new Promise(() => setInterval(() => {}, 1000))"),
    ).toEqual({
      state: 'broken',
      why,
    })
    const throws = "export const hardware = () => { throw new Error('It is not there.', { cause: new Error('No file.') }) }"
    expect(await packageOf('throws', throws)).toEqual({ state: 'broken', why: 'It is not there. No file.' })
    const works = "export const hardware = () => ({ kernels: ['avx2'], threads: 3 })"
    expect(await packageOf('works', works)).toEqual({ state: 'works', kernels: ['avx2'], threads: 3 })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

const report: DoctorReport = {
  ok: false,
  time: '2026-01-02T03:04:05.000Z',
  profile: (await doctor()).profile,
  findings: [
    { check: 'node', status: 'fine', found: '20.19.0', actions: [] },
    { check: 'gpu', status: 'advice', found: 'a | b', why: 'Slow.', actions: [] },
    {
      check: 'engine',
      status: 'missing',
      found: 'no <addon>',
      why: 'It "fails" & stops.',
      actions: [{ label: 'Install it.', command: 'npm i x' }],
    },
  ],
}

test('the sentence over all findings', () => {
  expect(verdictOf(report)).toBe('1 needed thing is missing. 1 could be better.')
  expect(verdictOf({ ok: true, findings: report.findings.slice(0, 1) })).toBe('Everything that is needed is there.')
})

test('as JSON it is read back', () => {
  expect(JSON.parse(renderReport(report, 'json'))).toEqual(JSON.parse(JSON.stringify(report)))
})

test('as Markdown what is missing comes first, and bars do not break the table', () => {
  const text = renderReport(report, 'md')
  expect(text).toContain('| engine | missing | no <addon> |\n| gpu | could be better | a \\| b |\n| node | fine | 20.19.0 |\n')
  expect(text).toContain('## engine\n\nIt "fails" & stops.\n\n- Install it. `npm i x`\n')
})

test('as HTML nothing of what was found is markup', () => {
  const text = renderReport(report, 'html')
  expect(text).toContain(
    'no &lt;addon&gt;<br>It &quot;fails&quot; &amp; stops.<ul><li>Install it. <code>npm i x</code></li></ul>',
  )
  expect(text.startsWith('<!doctype html>')).toBe(true)
})
