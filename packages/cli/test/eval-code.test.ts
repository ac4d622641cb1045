import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSandbox } from '@qt/sandbox'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 240_000 })

const sandbox = await openSandbox().catch((error: Error) => {
  console.log(`skipped: what models write is not run (${error.message})`)
  return undefined
})
const jsonl = (records: readonly object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')
const problem = (name: string) => ({
  task_id: `HumanEval/${name}`,
  prompt: `def ${name}(x):\n    """One more than x."""\n`,
  entry_point: name,
  canonical_solution: '    return x + 1\n',
  test: 'def check(candidate):\n    assert candidate(1) == 2\n',
})

let [folder, data, samples] = ['', '', '']
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-eval-code-'))
  data = join(folder, 'HumanEval.jsonl')
  samples = join(folder, 'samples.jsonl')
  await writeFile(data, jsonl(['first', 'second', 'third'].map(problem)))
  await writeFile(
    samples,
    jsonl([
      { task_id: 'HumanEval/first', completion: '    return x + 1\n' },
      { task_id: 'HumanEval/first', completion: '    return x\n' },
      { task_id: 'humaneval/second', solution: 'def second(x):\n    return 2\n' },
      { task_id: 'HumanEval/second', completion: '    import sys; sys.exit(0)\n' },
    ]),
  )
})
afterAll(async () => {
  await sandbox?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(!sandbox)('qt eval code with samples', () => {
  test('judges samples that are written already', async () => {
    const { code, stdout, stderr } = await qt([
      'eval',
      'code',
      '--suite',
      'humaneval',
      '--data',
      data,
      '--samples',
      samples,
      '--wall-seconds',
      '60',
      '--json',
    ])
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      sandbox: { kind: sandbox!.mechanism.kind },
      passed: 2,
      total: 4,
      passAtK: { 1: 0.5 },
      missing: ['HumanEval/third'],
      suites: [{ suite: 'humaneval', problems: 2, solved: { count: 2, of: 2 } }],
    })
    expect(stderr).toContain('HumanEval/third has no sample; it is not counted.')
  })

  test('prints a table and the first mistakes for people', async () => {
    const { code, stdout } = await qt([
      'eval',
      'code',
      '--suite',
      'humaneval',
      '--data',
      `humaneval=${data}`,
      '--samples',
      samples,
      '--mistakes',
      '1',
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^suite +problems +pass@1 +mean score +cut +solved$/m)
    expect(stdout).toMatch(/^humaneval +2 +50\.0 % +0\.500 +0 +100\.0 % {2}\(2 of 2; /m)
    expect(stdout).toContain('HumanEval/first\n  AssertionError (exit code 1)\n\n2 of 4 samples passed.')
  })

  test('a flag for asking is an error, as nothing is asked', async () => {
    const args = ['eval', 'code', '--suite', 'humaneval', '--data', data, '--samples', samples, '--limit', '1']
    const { code, stderr } = await qt(args)
    expect([code, stderr]).toEqual([2, expect.stringContaining('--limit does nothing for samples that are written already.')])
  })

  test('a sample of no problem is an error', async () => {
    const other = join(folder, 'other.jsonl')
    await writeFile(other, jsonl([{ task_id: 'MBPP/11', completion: '' }]))
    const { code, stderr } = await qt(['eval', 'code', '--suite', 'humaneval', '--data', data, '--samples', other])
    expect([code, stderr]).toEqual([2, expect.stringContaining('There is no problem "MBPP/11"')])
  })
})

const ask = (...more: string[]) => ['eval', 'code', '--model', fixture('tiny.gguf'), '--threads', '1', ...more]

describe.skipIf(!sandbox)('qt eval code with a model', () => {
  test('asks a model, runs what it wrote, and goes on from its cache', async () => {
    const cache = join(folder, 'answers.jsonl')
    const evaluate = () =>
      qt(
        ask(
          ...['--suite', 'bug-fix,humaneval', '--data', `humaneval=${data}`, '--limit', '1', '--max-tokens', '8'],
          ...['--context-length', '4096', '--cache', cache, '--json'],
        ),
      )
    const { code, stdout, stderr } = await evaluate()
    expect(code, stderr).toBe(0)
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({
      sandbox: { kind: sandbox!.mechanism.kind },
      passed: 0,
      total: 2,
      style: 'instruct',
      temperature: 0,
    })
    expect(report.suites).toMatchObject([
      { suite: 'bug-fix', problems: 1, passAtK: [{ k: 1, value: 0 }] },
      { suite: 'humaneval', problems: 1, solved: { count: 0, of: 1 } },
    ])
    expect(report.items.map(({ samples }: { samples: { detail: string }[] }) => samples[0]!.detail)).not.toContain('')
    expect((await readFile(cache, 'utf8')).trim().split('\n')).toHaveLength(2)
    const again = await evaluate()
    expect(again.stdout).toBe(stdout)
    expect((await readFile(cache, 'utf8')).trim().split('\n')).toHaveLength(2)
  })
})

describe.skipIf(!sandbox)('qt eval code that was interrupted', () => {
  const interrupted = async (args: readonly string[]) => {
    const { child, ended, stderr } = start(args)
    // Whatever is running then: an answer, or a program.
    await vi.waitFor(() => expect(stderr()).toMatch(/sample 1\//), { timeout: 200_000, interval: 10 })
    child.kill('SIGINT')
    return ended
  }

  test('has kept its answers, and the same command goes on', async () => {
    const cache = join(folder, 'stopped.jsonl')
    const args = ask('--suite', 'bug-fix', '--max-tokens', '64', '--context-length', '4096', '--cache', cache)
    const { code, stderr } = await interrupted(args)
    expect([code, stderr]).toEqual([130, expect.stringContaining(`the answers so far are in ${cache}`)])
    const kept = await readFile(cache, 'utf8')
    expect(kept).toMatch(/^\{.*\}\n/)
    const again = await qt([...args, '--json'])
    expect(again.code, again.stderr).toBe(0)
    expect(JSON.parse(again.stdout)).toMatchObject({ total: 12 })
    expect((await readFile(cache, 'utf8')).startsWith(kept)).toBe(true)
  })

  test('says what to do where nothing was kept', async () => {
    const many = join(folder, 'many.jsonl')
    const endless = { task_id: 'HumanEval/second', completion: '    while True: pass\n' }
    await writeFile(many, jsonl([{ task_id: 'HumanEval/first', completion: '    return x + 1\n' }, ...Array(20).fill(endless)]))
    const { code, stderr } = await interrupted(['eval', 'code', '--suite', 'humaneval', '--data', data, '--samples', many])
    expect([code, stderr]).toEqual([130, expect.stringContaining(`Judging was stopped; ${many} is as it was.`)])
  })
})

test.each([
  [['--suite', 'bug-fixes'], 'Did you mean bug-fix?'],
  [['--suite', 'bug-fix', '--data', 'mbpp=mbpp.jsonl'], '--data names a file of mbpp, which is not measured.'],
  [['--suite', 'bug-fix,mbpp', '--data', 'mbpp.jsonl'], '--data mbpp.jsonl does not say which suite it is of.'],
  [['--suite', 'bug-fix', '--style', 'chat', '--unsandboxed'], '--style must be base or instruct, not "chat".'],
  [['--suite', 'bug-fix', '--samples', 'samples.jsonl'], 'needs a model or --samples, and not both.'],
  [['--suite', 'bug-fix', '--limit', '0', '--unsandboxed'], '--limit must be a whole number from 1 on, not 0.'],
])('qt eval code %j is refused before the model is loaded', async (more, said) => {
  const { code, stderr } = await qt(ask(...more))
  expect([code, stderr]).toEqual([2, expect.stringContaining(said)])
})

test('without its file and without the hub a published suite says which flag to add', async () => {
  const { code, stderr } = await qt(ask('--suite', 'mbpp'), '', {
    env: { HF_ENDPOINT: 'http://127.0.0.1:9', HF_HUB_CACHE: folder },
  })
  expect([code, stderr]).toEqual([1, expect.stringContaining('--data mbpp=FILE')])
})
