import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readImportance, writeImportance } from '@qt/quantize'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
let text = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-imatrix-'))
  text = join(folder, 'text.txt')
  await writeFile(text, 'The rain in the thin another sand. '.repeat(20))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('an importance matrix of text and conversations together is one that quantising takes', async () => {
  const [chats, output] = [join(folder, 'chats.jsonl'), join(folder, 'imatrix.gguf')]
  const messages = [
    { role: 'user', content: 'I listen.' },
    { role: 'assistant', content: 'Nothing stirs.' },
  ]
  await writeFile(chats, `${JSON.stringify({ messages })}\n`)
  const flags = ['--text', text, '--data', chats, '--row-size', '64', '--threads', '1', '--output', output]
  const { code, stdout, stderr } = await qt(['imatrix', tiny, ...flags, '--json'])
  expect(code, stderr).toBe(0)
  const said = JSON.parse(stdout)
  expect(said).toMatchObject({ output, matrices: 14, datasets: ['text.txt', 'chats.jsonl'] })
  const { entries, chunks } = await readImportance(output)
  expect(chunks).toBe(said.rows)
  expect(entries.get('blk.1.ffn_down.weight')!.counts[0]).toBe(said.tokens)
  expect(entries.has('output.weight')).toBe(false)
  const small = join(folder, 'small.gguf')
  expect((await qt(['quantize', tiny, small, '--type', 'IQ4_NL', '--imatrix', output])).code).toBe(0)
})

test('matrices that are there are added up, with a text and without, in both forms', async () => {
  const file = (name: string) => join(folder, name)
  const read = ['--text', text, '--row-size', '64', '--rows', '2', '--threads', '1']
  const makes = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await qt(['imatrix', ...args])
    expect(code, stderr).toBe(0)
    return stdout
  }
  await makes([tiny, ...read, '--output', file('once.gguf')])
  await makes(['--in-file', file('once.gguf'), '--output', file('once.dat')])
  await makes(['--in-file', file('once.gguf'), '--in-file', file('once.dat'), '--output', file('twice.gguf')])
  const output = await makes([tiny, ...read, '--in-file', file('once.gguf'), '--output', file('again.gguf')])
  expect(output).toContain(`128 tokens in 2 rows added to ${file('once.gguf')}`)
  const [once, twice, again] = await Promise.all(['once', 'twice', 'again'].map((name) => readImportance(file(`${name}.gguf`))))
  // The older form does not tell that its two pieces had 64 tokens: they count as 512 each.
  expect(twice!.entries.get('blk.1.ffn_down.weight')!.counts[0]).toBe(128 + 2 * 512)
  for (const [name, { sums }] of once!.entries)
    for (const [sum, times] of [
      [twice!, 9],
      [again!, 2],
    ] as const)
      sum.entries.get(name)!.sums.forEach((value, i) => {
        expect(value / sums[i]!).toBeCloseTo(times, 4)
      })
})

test('matrices of another model are refused before anything is read, and what is merged is never replaced', async () => {
  const file = (name: string) => join(folder, name)
  const entry = { sums: new Float32Array(4), counts: Float32Array.of(1) }
  const stranger = { entries: new Map([['blk.9.attn_q.weight', entry]]), datasets: [], chunks: 1, chunkSize: 64 }
  await writeImportance(file('stranger.gguf'), stranger)
  const said = async (args: readonly string[]) => {
    const { code, stdout } = await qt(['imatrix', ...args, '--json'])
    return [code, JSON.parse(stdout).error.code]
  }
  const foreign = [tiny, '--text', text, '--rows', '0', '--in-file', file('stranger.gguf'), '--output', file('both.gguf')]
  // Rows of none would be refused when the text is read.
  expect(await said(foreign)).toEqual([2, 'QUANT_IMPORTANCE'])
  const onto = ['--in-file', file('stranger.gguf'), '--output', file('stranger.gguf')]
  expect(await said(onto)).toEqual([2, 'OUTPUT_IS_INPUT'])
  for (const flags of [['--rows', '0'], ['--row-size', '3'], ['--process-output'], ['--threads', '1']])
    expect(await said(['--in-file', file('stranger.gguf'), '--output', file('both.gguf'), ...flags])).toEqual([
      2,
      'USAGE_MISSING_FLAG',
    ])
})

test('what a report is to compare on, and where it goes, is refused before a file is quantised', async () => {
  const output = join(folder, 'unreported.gguf')
  const empty = join(folder, 'empty.txt')
  await writeFile(empty, '')
  for (const [report, text, what] of [
    ['report.html', join(folder, 'nowhere.txt'), 'nowhere.txt'],
    ['report.html', empty, 'EVAL_TEXT_TOO_SHORT'],
    ['.', empty, 'FOLDER_UNUSABLE'],
  ] as const) {
    const flags = ['--type', 'Q8_0', '--report', join(folder, report), '--text', text, '--json']
    const { code, stdout } = await qt(['quantize', tiny, output, ...flags])
    expect([code, stdout]).toEqual([2, expect.stringContaining(what)])
    await expect(stat(output)).rejects.toThrow('ENOENT')
  }
})

test('a report says what was lost on a text and in which tensors, as a page and for programs', async () => {
  const [out, page] = [join(folder, 'q4.gguf'), join(folder, 'report.html')]
  const flags = ['--type', 'Q4_0', '--report', page, '--text', text, '--row-size', '64', '--rows', '2', '--threads', '1']
  const { code, stdout, stderr } = await qt(['quantize', tiny, out, ...flags, '--json'])
  expect(code, stderr).toBe(0)
  const { quality } = JSON.parse(stdout)
  expect(quality.text).toMatchObject({ datasets: ['text.txt'], quality: { positions: 128 } })
  expect(quality.text.quality.mean).toBeGreaterThan(0)
  expect(quality.tensors.find(({ name }: { name: string }) => name === 'blk.0.attn_q.weight')).toMatchObject({ to: 'Q4_0' })
  expect(await readFile(page, 'utf8')).toContain('KL divergence')
  const again = await qt([
    'eval',
    'divergence',
    tiny,
    out,
    '--text',
    text,
    '--row-size',
    '64',
    '--rows',
    '2',
    '--threads',
    '1',
    '--json',
  ])
  expect(JSON.parse(again.stdout).text).toEqual(quality.text)
})

test.each([
  [['imatrix', tiny], 'USAGE_MISSING_FLAG'],
  [['imatrix', tiny, '--text', fixture('none.txt')], 'FILE_PROBLEM'],
  [['imatrix', tiny, '--in-file', 'one.gguf'], 'USAGE_MISSING_FLAG'],
  [['imatrix', tiny, '--text', fixture('misspelt.yaml'), '--row-size', '4'], 'IMPORTANCE_ROWS'],
  [['imatrix', tiny, '--text', fixture('misspelt.yaml'), '--rows', '0'], 'USAGE_BAD_VALUE'],
  [['quantize', tiny, 'none.gguf', '--type', 'Q4_0', '--text', fixture('misspelt.yaml')], 'USAGE_MISSING_FLAG'],
  [['quantize', tiny, 'none.gguf', '--type', 'Q4_0', '--include-weights', 'ffn'], 'USAGE_MISSING_FLAG'],
  [['quantize', tiny, 'none.gguf', '--profile', 'watch'], 'USAGE_BAD_VALUE'],
  [['eval', 'divergence', tiny, tiny], 'USAGE_MISSING_FLAG'],
])('refuses %j', async (args, expected) => {
  const { code, stdout } = await qt([...args, '--json'])
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, expected])
})
