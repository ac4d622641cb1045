import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('inspect --json prints one document with tensors, totals and metadata', async () => {
  const { code, stdout, stderr } = await qt(['inspect', tiny, '--json'])
  expect([code, stderr]).toEqual([0, ''])
  const found = JSON.parse(stdout)
  expect(found).toMatchObject({
    format: 'gguf',
    architecture: 'llama',
    name: 'Tiny',
    spec: { layers: 2, dModel: 32, vocabularySize: 269 },
  })
  expect(found.tensors).toHaveLength(20)
  expect(found.tensors).toContainEqual({ name: 'blk.1.attn_k.weight', type: 'F16', shape: [16, 32], bytes: 1024 })
  expect(found.metadata['llama.block_count']).toBe(2)
})

test('inspect shows people the same', async () => {
  const { stdout } = await qt(['inspect', tiny, '--tensors'])
  expect(stdout).toMatch(/architecture +llama\n/)
  expect(stdout).toMatch(/blk\.1\.attn_k\.weight +F16 +16 × 32/)
})

test('a broken file is bad input, named', async () => {
  const broken = join(folder, 'broken.gguf')
  await writeFile(broken, (await readFile(tiny)).subarray(0, 5000))
  const { code, stderr } = await qt(['inspect', broken])
  expect(code).toBe(2)
  expect(stderr).toContain(broken)
})

test('an adapter becomes a GGUF adapter of its base, and says so when it is not told which', async () => {
  const adapter = new URL('../../weights/test/fixtures/adapter', import.meta.url).pathname
  const out = join(folder, 'adapter.gguf')
  const { code, stdout, stderr } = await qt(['convert', adapter, out, '--base', tiny, '--json'])
  expect(code, stderr).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ output: out, modules: 14 })
  const none = await qt(['convert', adapter, join(folder, 'none.gguf'), '--json'])
  expect([none.code, JSON.parse(none.stdout).error.code]).toEqual([2, 'USAGE_MISSING_FLAG'])
  const other = await qt(['convert', tiny, join(folder, 'other.gguf'), '--base', tiny, '--json'])
  expect([other.code, JSON.parse(other.stdout).error.code]).toEqual([2, 'USAGE_BAD_VALUE'])
})

test('tokenize turns a JSON array of strings into arrays of ids, and adds special tokens only when asked to', async () => {
  const texts = ['the inner sound', '', '🎲\n', '<|im_start|>user']
  const plain = await qt(['tokenize', '--tokenizer', tiny, '--json'], JSON.stringify(texts))
  expect([plain.code, plain.stderr]).toEqual([0, ''])
  const ids: number[][] = JSON.parse(plain.stdout)
  expect(ids).toHaveLength(4)
  expect(ids[1]).toEqual([])
  expect(ids.flat().every((id) => Number.isInteger(id) && id >= 3 && id < 269)).toBe(true)
  const special = await qt(['tokenize', '--tokenizer', tiny, '--json', '--special'], JSON.stringify(texts))
  expect(JSON.parse(special.stdout)[3][0]).toBe(1)
})

test('tokenize takes lines of text, too', async () => {
  const { stdout } = await qt(['tokenize', '--tokenizer', tiny], 'the\nthe the\n')
  const [one, two] = stdout.trimEnd().split('\n')
  expect(two!.startsWith(`${one} `)).toBe(true)
})

test.each(['["a"', '{"a": 1}', '["a", 1]'])('tokenize refuses %s as input', async (input) => {
  const { code, stdout } = await qt(['tokenize', '--tokenizer', tiny, '--json'], input)
  expect(code).toBe(2)
  expect(JSON.parse(stdout).error.code).toBe('INPUT_NOT_TEXTS')
})

test('tokenizer train writes a tokenizer that encodes and decodes what it learned', async () => {
  const text = join(folder, 'text.txt')
  await writeFile(text, 'to be or not to be, that is the question. '.repeat(20))
  const out = join(folder, 'tokenizer')
  const made = await qt(['tokenizer', 'train', '--data', text, '--vocabulary-size', '280', '--out', out, '--json'])
  expect(made.code).toBe(0)
  expect(JSON.parse(made.stdout)).toMatchObject({ vocabularySize: 280, merges: 23, specialTokens: ['<|endoftext|>'] })
  const ids = await qt(['tokenize', '--tokenizer', out, '--json'], '["to be or not to be"]')
  expect(JSON.parse(ids.stdout)[0].length).toBeLessThan(18)
})

test('convert goes to a folder and back to the same tensors', async () => {
  const there = join(folder, 'hf')
  const back = join(folder, 'back.gguf')
  const converted = await qt(['convert', tiny, there, '--type', 'f16'])
  expect([converted.code, converted.stdout]).toEqual([0, `Wrote ${there}: 20 tensors in F16.\n`])
  expect((await qt(['convert', there, back])).code).toBe(0)
  const tensors = async (path: string) => JSON.parse((await qt(['inspect', path, '--json'])).stdout).tensors
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  expect((await tensors(back)).sort(byName)).toEqual((await tensors(tiny)).sort(byName))
})

test('data stats says what training would see', async () => {
  const data = join(folder, 'chats.jsonl')
  const chat = {
    messages: [
      { role: 'user', content: 'the inn' },
      { role: 'assistant', content: 'an other' },
    ],
  }
  await writeFile(data, `${JSON.stringify(chat)}\n`.repeat(5))
  const args = ['data', 'stats', '--data', data, '--tokenizer', tiny, '--validation', '0', '--sequence-length', '128']
  const { code, stdout } = await qt([...args, '--json'])
  expect(code).toBe(0)
  const stats = JSON.parse(stdout)
  expect(stats).toMatchObject({ format: 'chat', documents: 5, packing: true })
  expect(stats.train.trainableTokens).toBe(Math.round(stats.trainableShare * stats.train.tokens))
  expect((await qt([...args, '--rows', '1'])).stdout).toContain('<|im_start|>assistant\n⟦an other<|im_end|>⟧\n')
  expect(stats.records).toMatchObject({ records: 5, layouts: { openai: 5 }, turns: { median: 2 }, categories: { none: 5 } })
  // What records hold needs no tokenizer.
  const held = await qt(['data', 'stats', data, '--by', 'messages'])
  expect(held.code).toBe(0)
  expect(held.stdout).toContain('5 records from 1 file\nlayouts     openai 5\n')
  expect(held.stderr).toContain('Add --tokenizer')
})

test('data stats names the line of a bad record', async () => {
  const data = join(folder, 'bad.jsonl')
  await writeFile(data, '{"text": "good"}\n{"text": 3}\n')
  const { code, stderr } = await qt(['data', 'stats', '--data', data, '--tokenizer', tiny])
  expect(code).toBe(2)
  expect(stderr).toContain(`${data}:2`)
})

test.skipIf(process.platform === 'win32')(
  'a file that the system does not let grow is a failure that names it, and leaves nothing',
  async () => {
    const { spawnSync } = await import('node:child_process')
    const bin = new URL('../bin/qt.js', import.meta.url).pathname
    const out = join(folder, 'small')
    await mkdir(out)
    const limited = (...args: string[]) =>
      spawnSync('bash', ['-c', 'ulimit -f 1; exec "$0" "$@"', process.execPath, bin, ...args], { encoding: 'utf8' })
    const converted = limited('convert', tiny, join(out, 'f32.gguf'), '--type', 'F32')
    expect(converted.stderr).toContain(`error: ${join(out, 'f32.gguf')} cannot be written: EFBIG`)
    const report = limited('doctor', '--report', join(out, 'doctor.html'))
    expect(report.stderr).toContain(`error: ${join(out, 'doctor.html')} is larger than a file may be here.`)
    expect([converted.status, report.status]).toEqual([1, 1])
    expect(await readdir(out)).toEqual([])
  },
)
