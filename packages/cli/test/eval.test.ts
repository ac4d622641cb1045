import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const tiny = fixture('tiny.gguf')
const scenario = fileURLToPath(new URL('../templates/scenarios/combat.md', import.meta.url))
let folder = ''
let chats = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-eval-'))
  chats = join(folder, 'chats.jsonl')
  const chat = (asked: string, answered: string) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: asked },
        { role: 'assistant', content: answered },
      ],
    })
  const lines = [
    chat('I listen.', 'Roll. [roll: perception]'),
    chat('I wait.', 'Nothing stirs.'),
    chat('I draw.', '[begin combat]'),
  ]
  await writeFile(chats, `${lines.join('\n')}\n`)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const tools = (...more: string[]) => [
  'eval',
  'tools',
  '--model',
  tiny,
  '--threads',
  '1',
  '--max-tokens',
  '8',
  '--context-length',
  '4096',
  ...more,
]

describe('qt eval tools', () => {
  test('measures chats and scenarios together, and says what no model would have scored', async () => {
    const { code, stdout, stderr } = await qt(tools('--data', chats, '--data', scenario, '--json'))
    expect(code, stderr).toBe(0)
    const report = JSON.parse(stdout)
    expect(report.accuracy.all.of).toBe(8)
    expect(report.accuracy.needed.of).toBe(7)
    expect(report.items[0]).toMatchObject({ id: 'chats.jsonl:1#1', expected: [{ name: 'roll', arguments: ['perception'] }] })
    expect(report.baselines.commonestCall).toMatchObject({
      call: { name: 'roll', arguments: ['perception'] },
      accuracy: { needed: { count: 2, of: 7 } },
    })
    expect(report.baselines.neverCall.accuracy.notNeeded).toMatchObject({ count: 1, of: 1 })
  })

  test('prints tables for people', async () => {
    const { code, stdout } = await qt(tools('--data', chats, '--mistakes', '1'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^turns that need a call +0\.0 % {2}\(0 of 2; 0\.0 % – 65\.8 %\) right$/m)
    expect(stdout).toMatch(/^always \[roll: perception\] +50\.0 % where needed, 33\.3 % of all$/m)
    expect(stdout).toMatch(/^roll +1 +0 +0 +0$/m)
    expect(stdout).toContain('[roll: perception] was needed and no call was made.')
  })

  test('a cache answers the second time, for the same model and settings only', async () => {
    const cache = join(folder, 'answers.jsonl')
    const lines = async () => (await readFile(cache, 'utf8')).trim().split('\n').length
    const first = await qt(tools('--data', chats, '--cache', cache, '--json'))
    expect([first.code, await lines()]).toEqual([0, 3])
    const second = await qt(tools('--data', chats, '--cache', cache, '--json'))
    expect([second.stdout, await lines()]).toEqual([first.stdout, 3])
    await qt([
      'eval',
      'tools',
      '--model',
      tiny,
      '--threads',
      '1',
      '--max-tokens',
      '4',
      '--context-length',
      '4096',
      '--data',
      chats,
      '--cache',
      cache,
    ])
    expect(await lines()).toBe(6)
  })

  test('a tool that is not declared is an error that names the line; --tools declares it', async () => {
    const data = join(folder, 'weather.jsonl')
    await writeFile(
      data,
      `${JSON.stringify({
        messages: [
          { role: 'user', content: 'Rain?' },
          { role: 'assistant', content: '[weather: rain]' },
        ],
      })}\n`,
    )
    const refused = await qt(tools('--data', data))
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(`${data}:1 messages[1].content`)])
    const file = join(folder, 'tools.json')
    await writeFile(file, JSON.stringify([{ name: 'weather', arguments: [{ name: 'kind' }] }]))
    const { code, stdout, stderr } = await qt(tools('--data', data, '--tools', file, '--json'))
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ tools: ['weather'], accuracy: { needed: { of: 1 } } })
  })

  test('data that is no conversation is refused', async () => {
    const data = join(folder, 'texts.jsonl')
    await writeFile(data, '{"text": "Once upon a time."}\n')
    const { code, stderr } = await qt(tools('--data', data))
    expect([code, stderr]).toEqual([2, expect.stringContaining('measured in conversations')])
  })
})

describe('qt eval perplexity', () => {
  test('of a text counts every token but the first', async () => {
    const text = join(folder, 'text.txt')
    await writeFile(text, 'I search the altar. '.repeat(20))
    const { code, stdout } = await qt(['eval', 'perplexity', tiny, '--text', text, '--window', '32', '--json'])
    expect(code).toBe(0)
    const { perplexity, loss, tokens } = JSON.parse(stdout)
    expect(perplexity).toBeCloseTo(Math.exp(loss), 6)
    const ids = await qt(['tokenize', '--tokenizer', tiny, '--json'], JSON.stringify(['I search the altar. '.repeat(20)]))
    expect(tokens).toBe(JSON.parse(ids.stdout)[0].length - 1)
  })

  test("of a text as llama.cpp's and as the harness's", async () => {
    const text = join(folder, 'text.txt')
    await writeFile(text, 'I search the altar. '.repeat(20))
    const measure = ['eval', 'perplexity', tiny, '--text', text, '--window', '32']
    const llama = await qt([...measure, '--method', 'llama', '--json'])
    expect(llama.code, llama.stderr).toBe(0)
    const { tokens, chunks, error } = JSON.parse(llama.stdout)
    expect([tokens, error > 0]).toEqual([15 * chunks, true])
    const rolling = await qt([...measure, '--method', 'rolling', '--json'])
    expect(rolling.code, rolling.stderr).toBe(0)
    const { words, bytes, logLikelihood, bitsPerByte } = JSON.parse(rolling.stdout)
    // The white space at the end makes an empty word, as it does in the harness.
    expect([words, bytes]).toEqual([81, 400])
    expect(bitsPerByte).toBeCloseTo(-logLikelihood / (400 * Math.LN2), 9)
    const refused = await qt([...measure, '--method', 'mean'])
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('windows, llama or rolling')])
  })

  test('of conversations counts what the assistant says', async () => {
    const stats = await qt(['data', 'stats', '--data', chats, '--base', tiny, '--validation', '0', '--json'])
    const { code, stdout, stderr } = await qt(['eval', 'perplexity', '--model', tiny, '--data', chats, '--json'])
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout).tokens).toBe(JSON.parse(stats.stdout).train.trainableTokens)
  })

  test.each([[[]], [['--text', 'a', '--data', 'b']]])('with %j it asks for one of --text and --data', async (more) => {
    const { code, stderr } = await qt(['eval', 'perplexity', '--model', tiny, ...more])
    expect([code, stderr]).toEqual([2, expect.stringContaining('needs --text or --data, and not both')])
  })
})
