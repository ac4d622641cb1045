import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 240_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-eval-run-'))
  await writeFile(
    at('task.yaml'),
    'name: spelling\nkind: choice\ndata: records.jsonl\nprompt: "Which? {{q}}"\nchoices: ["{{a}}", "{{b}}"]\nanswer: "{{right}}"\n',
  )
  const records = Array.from({ length: 6 }, (_, i) => ({ q: `Number ${i}`, a: `one ${i}`, b: `two ${i}`, right: i % 2 }))
  await writeFile(at('records.jsonl'), records.map((record) => JSON.stringify(record)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a model file is measured with a task, reported in every form, and compared with itself', async () => {
  const reports = ['a.json', 'a.html', 'a.md', 'a.xml'].flatMap((name) => ['--report', at(name)])
  const run = ['eval', 'run', tiny, '--threads', '1', '--task', at('task.yaml'), '--cache', at('answers.jsonl')]
  const first = await qt([...run, ...reports, '--json'])
  expect(first.code, first.stderr).toBe(0)
  expect(JSON.parse(first.stdout).suites[0]).toMatchObject({
    name: 'spelling',
    total: 6,
    metrics: [{ name: 'acc', items: 6 }, { name: 'acc_norm' }],
  })
  expect(await readFile(at('a.html'), 'utf8')).toContain('<section><h2>spelling</h2>')
  expect(await readFile(at('a.xml'), 'utf8')).toContain('<testsuite name="spelling" tests="6"')
  const again = await qt([...run, '--baseline', at('a.json'), '--fail-if-worse'])
  expect([again.code, again.stdout], again.stderr).toEqual([0, expect.stringContaining('cannot tell')])
})

test('eval compare says which run is better, and fails where it shall', async () => {
  const report = JSON.parse(await readFile(at('a.json'), 'utf8'))
  const [suite] = report.suites
  const items = (right: number) =>
    Array.from({ length: 12 }, (_, i) => ({
      id: String(i),
      scores: { acc: [right, 1] },
      right: right === 1,
      output: `answer ${right}`,
      seconds: 1,
    }))
  const write = (name: string, right: number) =>
    writeFile(
      at(name),
      JSON.stringify({ ...report, model: name, suites: [{ ...suite, metrics: [suite.metrics[0]], items: items(right) }] }),
    )
  await write('bad.json', 0)
  await write('good.json', 1)
  const better = await qt(['eval', 'compare', at('bad.json'), at('good.json'), '--fail-if-worse', '--json'])
  expect([better.code, JSON.parse(better.stdout).verdict]).toEqual([0, 'better'])
  const worse = await qt(['eval', 'compare', at('good.json'), at('bad.json'), '--fail-if-worse', '--report', at('compared.html')])
  expect([worse.code, worse.stdout]).toEqual([1, expect.stringContaining('bad.json beside good.json: worse')])
  expect(await readFile(at('compared.html'), 'utf8')).toContain('class="worse"')
  const refused = await qt(['eval', 'compare', at('task.yaml'), at('good.json')])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is no report')])
})

test('eval rate serves a page until it is stopped, and sums up', async () => {
  const { child, ended, stderr } = start([
    'eval',
    'rate',
    at('bad.json'),
    at('good.json'),
    '--ratings',
    at('ratings.jsonl'),
    '--json',
  ])
  await vi.waitFor(() => expect(stderr()).toContain('http://'), { timeout: 120_000 })
  const url = /http:\S+/.exec(stderr())![0]
  const pair = z.object({ left: z.string(), index: z.number() }).parse(await (await fetch(`${url}next?rater=Ann`)).json())
  const choice = pair.left === 'answer 1' ? 'left' : 'right'
  const body = JSON.stringify({ rater: 'Ann', index: pair.index, choice })
  await fetch(`${url}rate`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  child.kill('SIGINT')
  const { code, stdout } = await ended
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ ratings: 1, b: 1, verdict: 'cannot tell' })])
})

test('a model behind a server is measured by the episodes that ship', async () => {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ choices: [{ finish_reason: 'stop', message: { content: 'Well.' } }], usage: { completion_tokens: 1 } }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { code, stdout, stderr } = await qt([
    'eval',
    'run',
    'm',
    '--server',
    `http://127.0.0.1:${port}/v1`,
    '--suite',
    'tool-episodes',
    '--json',
  ])
  server.close()
  expect(code, stderr).toBe(0)
  const { modelId, suites } = JSON.parse(stdout)
  expect(modelId).toBe(`http://127.0.0.1:${port}/v1 m`)
  expect(suites[0].metrics.find(({ name }: { name: string }) => name === 'tool health')).toMatchObject({ value: 0, items: 5 })
})

test('what is missing or unknown is said', async () => {
  for (const [args, what] of [
    [[], 'needs --suite or --task'],
    [['--suite', 'tool'], 'Did you mean tools?'],
    [['--suite', 'tools'], 'Add --data'],
    [['--suite', 'perplexity'], 'Add --text'],
    [['--suite', 'tool-episodes', '--fail-if-worse'], 'needs a run to compare with'],
    [['--suite', 'tool-episodes', '--limit', '0'], 'whole number above 0'],
    [['--suite', 'tool-episodes', '--report', 'out.pdf'], 'cannot be written'],
    [['--task', `piqa=${at('records.jsonl')}`, '--shots', '1.5'], 'not possible'],
  ] as const) {
    const { code, stderr } = await qt(['eval', 'run', tiny, '--threads', '1', ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining(what)])
  }
})

test('bench measures a file and compares with what was kept', async () => {
  const bench = ['bench', tiny, '--threads', '1', '--prompt-tokens', '32', '--generated-tokens', '8', '--repeats', '1']
  const first = await qt([...bench, '--save', at('bench.json'), '--json'])
  expect(first.code, first.stderr).toBe(0)
  expect(JSON.parse(first.stdout).generationTokensPerSecond).toBeGreaterThan(0)
  const kept = JSON.parse(await readFile(at('bench.json'), 'utf8'))
  await writeFile(at('fast.json'), JSON.stringify({ ...kept, generationTokensPerSecond: 1e12 }))
  const compared = await qt([...bench, '--baseline', at('fast.json')])
  expect([compared.code, compared.stdout]).toEqual([1, expect.stringMatching(/generation speed .*worse/)])
})
