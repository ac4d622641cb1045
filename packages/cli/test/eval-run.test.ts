import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEmbedder } from '@qt/embed'
import { openSandbox } from '@qt/sandbox'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { hubServer } from '../../weights/test/hub-server.js'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 240_000 })

const sandbox = await openSandbox().catch((error: Error) => {
  console.log(`skipped: what models write is not run (${error.message})`)
  return undefined
})
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
afterAll(async () => {
  await sandbox?.close()
  await rm(folder, { recursive: true, force: true })
})

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

test('answers are kept apart by how the model was asked', async () => {
  const run = ['eval', 'run', tiny, '--threads', '1', '--task', at('task.yaml'), '--limit', '1', '--cache', at('apart.jsonl')]
  const lines = async () => (await readFile(at('apart.jsonl'), 'utf8')).trim().split('\n').length
  expect((await qt([...run, '--kv-cache', 'float32'])).code).toBe(0)
  const first = await lines()
  expect((await qt([...run, '--kv-cache', 'int8'])).code).toBe(0)
  expect(await lines()).toBe(2 * first)
  expect((await qt([...run, '--kv-cache', 'int8'])).code).toBe(0)
  expect(await lines()).toBe(2 * first)
})

test('mistakes in what is asked show before the model is looked for, and what a server decides is refused', async () => {
  for (const [args, message] of [
    [['--suite', 'nope'], 'There is no suite "nope"'],
    [['--task', at('nowhere.yaml')], 'cannot be read'],
    [['--suite', 'tools', '--data', at('nowhere')], at('nowhere')],
    [
      ['--suite', 'tool-episodes', '--server', 'http://127.0.0.1:9/v1', '--adapter', 'a'],
      '--adapter is for a model that is loaded',
    ],
  ] as const) {
    const { code, stderr } = await qt(['eval', 'run', 'no-such-model.gguf', ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
    expect(stderr).not.toContain('no-such-model')
  }
})

test('a gate fails where a suite is missing', async () => {
  const { suites, ...report } = JSON.parse(await readFile(at('a.json'), 'utf8'))
  await writeFile(at('both.json'), JSON.stringify({ ...report, suites: [...suites, { ...suites[0], name: 'tools' }] }))
  const compare = ['eval', 'compare', at('both.json'), at('a.json')]
  expect((await qt(compare)).code).toBe(0)
  const gate = await qt([...compare, '--fail-if-worse'])
  expect([gate.code, gate.stdout]).toEqual([1, expect.stringContaining('Of tools, which')])
  expect((await qt([...compare, '--fail-if-worse', '--metric', 'spelling'])).code).toBe(0)
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

/** A server that says the same to everything. */
async function saying(content: string) {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ choices: [{ finish_reason: 'stop', message: { content } }], usage: { completion_tokens: 1 } }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, port }
}

test('a model behind a server is measured by the episodes that ship', async () => {
  const { server, port } = await saying('Well.')
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

test.skipIf(!sandbox)(
  'code of the hub, tool calls and conversations are measured in one run, and one report holds them',
  async () => {
    const problems = await readFile(new URL('../../eval/test/fixtures/hub/humaneval.parquet', import.meta.url))
    const hub = await hubServer({
      name: 'openai/openai_humaneval',
      kind: 'dataset',
      files: { 'openai_humaneval/test-00000-of-00001.parquet': problems },
    })
    await mkdir(at('held-out'), { recursive: true })
    const messages = [
      { role: 'user', content: 'I look around.' },
      { role: 'assistant', content: '[roll: perception] You see a door.' },
    ]
    await writeFile(at('held-out/chat.jsonl'), JSON.stringify({ messages }))
    const { server, port } = await saying('```python\ndef next(x):\n    return x + 1\n```')
    const run = (suites: string, endpoint: string) =>
      qt(
        [
          ...['eval', 'run', '--server', `http://127.0.0.1:${port}/v1`, '--suite', suites, '--model', 'm'],
          ...['--wall-seconds', '60', '--report', at('all.html'), '--json'],
        ],
        '',
        { cwd: folder, env: { HF_ENDPOINT: endpoint, HF_HUB_CACHE: at('hub') } },
      )
    const { code, stdout, stderr } = await run('humaneval,tools,quality', hub.endpoint)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('conversations: held-out/')
    const { suites } = JSON.parse(stdout)
    expect(suites.map(({ name, total }: { name: string; total: number }) => [name, total])).toEqual([
      ['humaneval', 2],
      ['tools', 1],
      ['quality', 1],
    ])
    expect(suites[0].metrics).toMatchObject([{ name: 'pass@1', value: 0.5, items: 2 }])
    expect(suites[0].items[1]).toMatchObject({
      id: 'HumanEval/later',
      right: false,
      explanation: expect.stringContaining('AssertionError'),
    })
    const page = await readFile(at('all.html'), 'utf8')
    for (const name of ['humaneval', 'tools', 'quality']) expect(page).toContain(`<section><h2>${name}</h2>`)
    const offline = await run('humaneval', 'http://127.0.0.1:9')
    server.close()
    expect([offline.code, JSON.parse(offline.stdout).suites[0].total], offline.stderr).toEqual([0, 2])
  },
)

test('what is missing or unknown is said', async () => {
  await mkdir(at('folder.html'), { recursive: true })
  for (const [args, what] of [
    [[], 'needs --suite or --task'],
    [['--suite', 'tool'], 'Did you mean tools?'],
    [['--suite', 'tools'], 'Add --data'],
    [['--suite', 'perplexity'], 'Add --text'],
    [['--suite', 'judge'], 'Add --judge'],
    [['--suite', 'bug-fix', '--style', 'poem', '--unsandboxed'], 'base or instruct'],
    [['--suite', 'tool-episodes', '--fail-if-worse'], 'needs a run to compare with'],
    [['--suite', 'tool-episodes', '--limit', '0'], 'whole number above 0'],
    [['--suite', 'tool-episodes', '--metric', 'quality'], '--metric needs a run to compare with'],
    [['--suite', 'tool-episodes', '--baseline', at('good.json'), '--metric', 'nothing'], 'has no "nothing"'],
    [['--suite', 'tool-episodes', '--report', at('folder.html')], 'is a folder'],
    [['--suite', 'tool-episodes', '--report', 'out.pdf'], 'cannot be written'],
    [['--task', `piqa=${at('records.jsonl')}`, '--shots', '1.5'], 'not possible'],
  ] as const) {
    const { code, stderr } = await qt(['eval', 'run', tiny, '--threads', '1', ...args])
    expect([code, stderr]).toEqual([2, expect.stringContaining(what)])
  }
})

test('what is said of judges is checked before any model is looked for', async () => {
  for (const [args, what] of [
    [['--judge-device', 'cuda'], '--judge-device is for models that judge, and none is named.'],
    [['--judge-cache', at('unasked.jsonl')], '--judge-cache is for models that judge'],
    [['--rubric', 'quality'], '--rubric is for models that judge'],
    [['--judge', tiny, '--judge-device', 'gpu'], '--judge-device must be cpu, cuda or cuda:N'],
    [['--judge', 'ollama:x', '--judge-device', 'cuda'], '--judge-device is for a judge that is loaded here'],
    [['--judge', tiny, '--judge-device', 'cuda'], 'Judge elsewhere: --judge-device cpu.'],
    [['--judge', 'ollama:x', '--judge-key-env', 'QT_NO_SUCH_KEY'], 'There is no environment variable QT_NO_SUCH_KEY.'],
    [['--judge', 'ollama:x', '--rubric', at('nothing.yaml')], 'nothing.yaml'],
  ] as const) {
    const run = ['eval', 'run', at('nowhere.gguf'), '--suite', 'tool-episodes', ...args]
    const { code, stderr } = await qt(run, '', { env: { QT_CUDA_LIBRARY: at('nothing.so') } })
    expect([code, stderr]).toEqual([2, expect.stringContaining(what)])
  }
  const rate = ['eval', 'rate', at('nothing.json'), at('nothing.json')]
  for (const [args, what] of [
    [['--judge-device', 'cuda'], '--judge-device is for models that judge'],
    [['--judge', 'ollama:x', '--cost-limit', '1'], '--cost-limit needs prices'],
  ] as const)
    expect(await qt([...rate, ...args])).toMatchObject({ code: 2, stderr: expect.stringContaining(what) })
})

test('judges score answers and rate pairs, and their tokens count', async () => {
  await mkdir(at('judged'), { recursive: true })
  const lines = ['I look around.', 'I listen.', 'I wait.'].map((content) =>
    JSON.stringify({
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: 'You see a door.' },
      ],
    }),
  )
  await writeFile(at('judged/chat.jsonl'), lines.join('\n'))
  const { server, port } = await saying('Fine.\nScore: 4\nBetter: A')
  const judge = ['--judge', `large@http://127.0.0.1:${port}/v1`, '--judge-cache', at('judge.jsonl')]
  const run = [
    'eval',
    'run',
    'm',
    '--server',
    `http://127.0.0.1:${port}/v1`,
    '--suite',
    'judge',
    '--data',
    at('judged'),
    ...judge,
  ]
  const limited = await qt([...run, '--parallel', '1', '--token-limit', '5', '--json'])
  expect(limited.code, limited.stderr).toBe(0)
  // An answer and three criteria are four tokens: the second item is begun, the third is not.
  expect(JSON.parse(limited.stdout)).toMatchObject({
    tokens: 2,
    judgeTokens: 6,
    suites: [{ name: 'judge-answer-quality', items: [{}, {}] }],
  })
  const all = await qt([...run, '--judge-price-output', '1000000', '--cost-limit', '100', '--json'])
  expect(JSON.parse(all.stdout), all.stderr).toMatchObject({ judgeTokens: 3, cost: 3 })
  const rated = await qt(['eval', 'rate', at('bad.json'), at('good.json'), '--ratings', at('judged.jsonl'), ...judge, '--json'])
  server.close()
  expect(rated.stderr).toContain('large: 12 pairs, 0 of them alike in both orders')
  expect(JSON.parse(rated.stdout)).toMatchObject({ ratings: 12, raters: ['large'], equal: 12, verdict: 'cannot tell' })
})

test('calls as data are measured in chats that declare their tools', async () => {
  const tools = [
    { type: 'function', function: { name: 'roll', parameters: { type: 'object', properties: { skill: { type: 'string' } } } } },
  ]
  const call = { id: '1', type: 'function', function: { name: 'roll', arguments: '{"skill":"stealth"}' } }
  const messages = [
    { role: 'user', content: 'I sneak past.' },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: '1', content: '17' },
    { role: 'assistant', content: 'Nobody hears you.' },
  ]
  await writeFile(at('calls.jsonl'), JSON.stringify({ messages, tools }))
  const { server, port } = await saying('<tool_call>{"name": "roll", "arguments": {"skill": "stealth"}}</tool_call>')
  const run = [
    'eval',
    'run',
    'm',
    '--server',
    `http://127.0.0.1:${port}/v1`,
    '--suite',
    'function-calls',
    '--data',
    at('calls.jsonl'),
  ]
  const { stdout, stderr } = await qt([...run, '--json'])
  server.close()
  expect(stdout, stderr).not.toBe('')
  const values = JSON.parse(stdout).suites[0].metrics.map(({ name, value }: { name: string; value: number }) => [name, value])
  expect(Object.fromEntries(values)).toMatchObject({ right: 0.5, needed: 1, not_needed: 0, 'tool roll': 1 })
})

test('a scenario brings its sheet to the metrics of quality, a file one for chats', async () => {
  await mkdir(at('sheets'), { recursive: true })
  await writeFile(
    at('sheets/cave.md'),
    '# SYSTEM\nRole: You lead.\nWorld: A world.\nLocation: A cave.\nParty:\n- Kara (Player Character, Dwarf Fighter, Level 3, HP: 18/18)\n# USER\nI look.\n# DM\nDust.\n',
  )
  await writeFile(at('party.yaml'), 'characters: [{ name: Kara, facts: { class: fighter } }]\n')
  const { server, port } = await saying('You see Kara the wizard.')
  const consistent = async (...args: string[]) => {
    const { stdout, stderr } = await qt([
      'eval',
      'run',
      'm',
      '--server',
      `http://127.0.0.1:${port}/v1`,
      '--suite',
      'quality',
      ...args,
      '--json',
    ])
    expect(stdout, stderr).not.toBe('')
    return JSON.parse(stdout).suites[0].metrics.find(({ name }: { name: string }) => name === 'consistent')?.value
  }
  expect(await consistent('--data', at('sheets'))).toBe(0.5)
  expect(await consistent('--data', at('judged'), '--sheet', at('party.yaml'))).toBe(0.5)
  expect(await consistent('--data', at('judged'))).toBeUndefined()
  server.close()
})

test('a sentence model tells whether answers stay on topic', async () => {
  const [asked, said] = ['I look into the cave.', 'You see Kara the wizard.']
  await writeFile(
    at('topic.jsonl'),
    `${JSON.stringify({
      messages: [
        { role: 'user', content: asked },
        { role: 'assistant', content: 'Dust.' },
      ],
    })}\n`,
  )
  const sentences = fileURLToPath(new URL('../../embed/test/fixtures/tiny-bert', import.meta.url))
  const embedder = await openEmbedder(sentences)
  const [a, b] = await embedder.embed([asked, said])
  await embedder.close()
  const cosine = a!.reduce((sum, value, i) => sum + value * b![i]!, 0)
  const { server, port } = await saying(said)
  const run = async (...args: string[]) => {
    const model = ['eval', 'run', 'm', '--server', `http://127.0.0.1:${port}/v1`]
    const { stdout, stderr } = await qt([...model, '--data', at('topic.jsonl'), ...args, '--json'])
    expect(stdout, stderr).not.toBe('')
    return JSON.parse(stdout)
  }
  const onTopic = async (...args: string[]) => {
    const { suites } = await run('--suite', 'quality', ...args)
    return suites[0].metrics.find(({ name }: { name: string }) => name === 'on_topic').value
  }
  expect(await onTopic()).toBe(0.5)
  expect(await onTopic('--embedder', sentences)).toBeCloseTo(Math.max(0, Math.min(1, (cosine - 0.1) / 0.4)), 5)
  expect((await run('--suite', 'tools', '--embedder', sentences)).error.code).toBe('USAGE_BAD_VALUE')
  expect((await run('--suite', 'quality', '--embedder', at('none'))).error).toBeDefined()
  server.close()
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
