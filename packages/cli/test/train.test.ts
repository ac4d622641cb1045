import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEvent, shellWord } from '@qt/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { until } from './job.js'
import { bin, fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
let rows = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-train-'))
  rows = join(folder, 'rows.jsonl')
  const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 32 }, (_, j) => 3 + ((i * 7 + j * 5) % 256)) })
  await writeFile(rows, Array.from({ length: 8 }, (_, i) => row(i)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const lora = (output: string, ...more: string[]): string[] => loraOn(rows, output, ...more)
const loraOn = (data: string, output: string, ...more: string[]): string[] => [
  'train',
  ...['--base', tiny, '--data', data, '--adapter', 'lora', '--rank', '4', '--precision', 'float32', '--threads', '1'],
  ...['--sequence-length', '32', '--batch-size', '2', '--learning-rate', '1e-2', '--schedule', 'constant', '--output', output],
  ...more,
]
const stepsOf = async (output: string) =>
  (await readFile(join(output, 'events.jsonl'), 'utf8')).split('\n').flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [event] : []
  })

describe('qt train', () => {
  test('trains an adapter that lowers the loss, and says where it lies', async () => {
    const output = join(folder, 'plain')
    const { code, stdout, stderr } = await qt(lora(output, '--steps', '12', '--json'))
    expect([code, stderr]).toEqual([0, expect.stringMatching(/step 12\/12 .*tokens\/s/)])
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ output, steps: 12, tokens: 12 * 2 * 31, loss: expect.any(Number) })
    expect((await stat(join(result.adapter, 'adapter_model.safetensors'))).size).toBeGreaterThan(1000)
    const steps = await stepsOf(output)
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss)
  })

  test('--plan prints the parts of the memory, which sum to the total, and trains nothing', async () => {
    const output = join(folder, 'planned')
    const { code, stdout } = await qt(lora(output, '--plan', '--json'))
    expect(code).toBe(0)
    const plan: { parts: { part: string; bytes: number }[]; total: number } = JSON.parse(stdout)
    expect(plan.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(plan.total)
    expect((await qt(lora(output, '--plan'))).stdout).toMatch(/\ntotal +[\d.]+ [KM]iB\n$/)
    expect(existsSync(output)).toBe(false)
  })

  test('--dry-run estimates the whole and writes nothing', async () => {
    const output = join(folder, 'dry')
    const { code, stdout } = await qt(lora(output, '--steps', '100', '--dry-run', '2', '--json'))
    expect(code).toBe(0)
    const { estimate } = JSON.parse(stdout)
    expect(estimate.secondsPerStep).toBeGreaterThan(0)
    expect(estimate.totalSeconds).toBeGreaterThan(estimate.secondsPerStep * 50)
    expect(estimate.peakMemory).toBeGreaterThan(1000)
    expect(existsSync(join(output, 'adapter'))).toBe(false)
  })

  test('Ctrl-C pauses with 130 and the command to go on, which ends with the same bytes as a run never stopped', async () => {
    const [whole, stopped] = [join(folder, 'whole'), join(folder, 'stopped')]
    const steps = ['--steps', '2000', '--save-every', '1000']
    expect((await qt(lora(whole, ...steps))).code).toBe(0)
    const { child, ended } = start(lora(stopped, ...steps))
    await until(async () => (await stepsOf(stopped)).length >= 5)
    child.kill('SIGINT')
    const paused = await ended
    expect(paused.code).toBe(130)
    expect(paused.stderr).toMatch(/Go on with:\n {2}(?:npx )?qt train --base .* --resume\n/)
    expect((await stepsOf(stopped)).length).toBeLessThan(2000)
    const resumed = await qt(lora(stopped, ...steps, '--resume'))
    expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringContaining('Resuming after step')])
    const adapter = (run: string) => readFile(join(run, 'adapter', 'adapter_model.safetensors'))
    expect((await adapter(stopped)).equals(await adapter(whole))).toBe(true)
  })

  test('Ctrl-C saves, also where what reads the output is gone before', async () => {
    const output = join(folder, 'unread')
    const { child, ended } = start(lora(output, '--steps', '100000', '--save-every', '100000'))
    await until(async () => (await stepsOf(output)).length >= 5)
    child.stderr.destroy()
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(await readFile(join(output, 'run.log'), 'utf8')).toMatch(/paused after step \d+\n$/)
  })

  test.runIf(process.platform === 'linux')('a closed terminal pauses a run, one of nohup goes on', async () => {
    const kept = join(folder, 'kept')
    const command = (output: string, steps: number) =>
      [process.execPath, bin, ...lora(output, '--steps', String(steps))].map(shellWord).join(' ')
    // script gives it a terminal, which goes with script.
    for (const redirected of ['', ' > /dev/null 2>&1']) {
      const closed = join(folder, `closed${redirected.length}`)
      const terminal = spawn('script', ['-qfc', command(closed, 1_000_000) + redirected, '/dev/null'], { stdio: 'ignore' })
      await until(async () => (await stepsOf(closed)).length >= 5)
      terminal.kill('SIGKILL')
      await until(async () => /paused after step \d+\n$/.test(await readFile(join(closed, 'run.log'), 'utf8')))
    }

    const { child, ended } = start(lora(kept, '--steps', '2000'))
    await until(async () => (await stepsOf(kept)).length >= 5)
    child.kill('SIGHUP')
    expect((await ended).code).toBe(0)
    expect(await stepsOf(kept)).toHaveLength(2000)
  })

  test('an id beyond the vocabulary is bad input with file and line', async () => {
    const bad = join(folder, 'bad.jsonl')
    await writeFile(bad, '{"input_ids":[1,2]}\n{"input_ids":[1,269]}\n')
    const { code, stderr } = await qt(loraOn(bad, join(folder, 'bad')))
    expect(code).toBe(2)
    expect(stderr).toContain(`${bad}:2`)
  })
})

describe('qt generate and qt chat', () => {
  const prompt = ['--model', tiny, '--max-tokens', '8', '--threads', '1']

  test('generate answers the same twice at temperature 0, as a document and as text', async () => {
    const args = ['generate', ...prompt, '--prompt', 'the inn', '--temperature', '0']
    const { code, stdout } = await qt([...args, '--json'])
    expect(code).toBe(0)
    const answer = JSON.parse(stdout)
    expect(answer).toMatchObject({
      text: expect.any(String),
      tokens: expect.any(Number),
      why: expect.stringMatching(/end|length/),
    })
    expect(answer.tokens).toBeLessThanOrEqual(8)
    expect((await qt(args)).stdout).toBe(`${answer.text}\n`)
  })

  test('generate draws by the seed, takes the model by position and the prompt from standard input', async () => {
    const draw = async (seed: string) =>
      (await qt(['generate', tiny, '--max-tokens', '8', '--temperature', '2', '--seed', seed, '--raw'], 'the inn')).stdout
    expect(await draw('1')).toBe(await draw('1'))
    expect(await draw('1')).not.toBe(await draw('2'))
  })

  test('a merged model says what the base says with the adapter', async () => {
    const output = join(folder, 'merge')
    expect((await qt(lora(output, '--steps', '20'))).code).toBe(0)
    const adapter = join(output, 'adapter')
    const merged = join(folder, 'merged.gguf')
    const { code, stdout } = await qt([
      'merge',
      '--base',
      tiny,
      '--adapter',
      `${adapter}:0.5`,
      '--adapter',
      `${adapter}:0.5`,
      '--out',
      merged,
      '--type',
      'F32',
      '--json',
    ])
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { output: merged, kind: 'gguf', changed: 14 }])
    const say = async (...args: string[]) =>
      (await qt(['generate', ...args, '--prompt', 'the inn', '--temperature', '0', '--max-tokens', '8'])).stdout
    const tuned = await say(tiny, '--adapter', adapter)
    expect(await say(merged)).toBe(tuned)
    expect(await say(tiny)).not.toBe(tuned)
  })

  test('chat answers lines, keeps the conversation until /reset, and leaves with /exit', async () => {
    const { code, stdout } = await qt(
      ['chat', ...prompt, '--system', 'Be brief.', '--json'],
      'one\n/reset\ntwo\nthree\n/exit\nfour\n',
    )
    expect(code).toBe(0)
    const { messages } = JSON.parse(stdout)
    expect(messages.map(({ role }: { role: string }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'assistant'])
    expect(messages[1].content).toBe('two')
  })

  test('a missing model is bad usage', async () => {
    expect(await qt(['generate', '--prompt', 'x'])).toMatchObject({ code: 2, stdout: '' })
  })
})

test('from nothing to a GGUF that talks: tokenizer, training, conversion, generation', async () => {
  const texts = join(folder, 'texts.jsonl')
  const sentence = 'the cat sat on the mat and the dog ran to the park. '
  await writeFile(texts, Array.from({ length: 60 }, () => JSON.stringify({ text: sentence.repeat(6) })).join('\n'))
  const [tokenizer, run, model] = [join(folder, 'tokenizer'), join(folder, 'scratch'), join(folder, 'scratch.gguf')]
  expect((await qt(['tokenizer', 'train', '--data', texts, '--vocabulary-size', '290', '--out', tokenizer])).code).toBe(0)
  const trained = await qt([
    'train',
    ...['--layers', '2', '--d-model', '64', '--heads', '4', '--kv-heads', '2', '--ffn', '128', '--data', texts],
    ...['--tokenizer', join(tokenizer, 'tokenizer.json'), '--sequence-length', '64', '--steps', '60', '--learning-rate', '3e-3'],
    ...['--precision', 'float32', '--threads', '1', '--output', run, '--json'],
  ])
  expect(trained.code).toBe(0)
  expect((await qt(['convert', JSON.parse(trained.stdout).model, model])).code).toBe(0)
  const said = await qt([
    'generate',
    model,
    '--raw',
    '--prompt',
    'the cat',
    '--temperature',
    '0',
    '--max-tokens',
    '40',
    '--threads',
    '1',
  ])
  expect(said.stdout).toContain(' sat on the mat and the dog ran to the park.')
})
