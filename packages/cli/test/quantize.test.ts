import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 180_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-quantize-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('writes a smaller file, and says so as one document', async () => {
  const out = join(folder, 'q8_0.gguf')
  const { code, stdout } = await qt(['quantize', tiny, out, '--type', 'q8_0', '--threads', '2', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ output: out, type: 'Q8_0', fileBytes: (await stat(out)).size })
  const found = JSON.parse((await qt(['inspect', out, '--json'])).stdout)
  expect(found.tensors).toContainEqual({ name: 'blk.1.attn_k.weight', type: 'Q8_0', shape: [16, 32], bytes: 544 })
})

test('finds a type for every tensor under a size, draws what other sizes would lose, and writes nothing when dry', async () => {
  const plain = await qt(['quantize', tiny, join(folder, 'none.gguf'), '--profile', 'mobile', '--dry-run', '--json'])
  expect(JSON.parse(plain.stdout)).toMatchObject({ type: 'F16', dryRun: true })
  const { fileBytes } = JSON.parse(plain.stdout)
  const limit = fileBytes - 12_000
  const less = await qt(['quantize', tiny, join(folder, 'none.gguf'), '--max-size', `${limit}`, '--dry-run'])
  expect(less.stdout).toMatch(/size +loss/)
  expect(less.stdout).toMatch(/^\* +0\.0\d\d MB +\d/m)
  expect(less.stdout).toMatch(/F16 +→ Q8_0/)
  const [, planned] = /^planned: (\d+) bytes .* Nothing was written\.$/m.exec(less.stdout) ?? []
  expect(Number(planned)).toBeLessThanOrEqual(limit)
  expect(await readdir(folder)).not.toContain('none.gguf')
})

test('with --pure, --max-size takes the most precise type for all that fits', async () => {
  const { stdout } = await qt([
    'quantize',
    tiny,
    join(folder, 'none.gguf'),
    '--max-size',
    '60KB',
    '--pure',
    '--dry-run',
    '--json',
  ])
  expect(JSON.parse(stdout).type).toMatch(/^(Q8_0|Q6_K|Q5_K_M|F16)$/)
})

test('names the smallest reachable size when none fits', async () => {
  const { code, stderr } = await qt(['quantize', tiny, join(folder, 'none.gguf'), '--max-size', '1KB'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/the smallest reachable size is \d+/)
})

test('a folder gives the bytes that its GGUF file gives, and leaves nothing else behind', async () => {
  const [model, direct, onTheWay] = ['model', 'direct.gguf', 'way.gguf'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  expect((await qt(['convert', tiny, model])).code).toBe(0)
  expect((await qt(['convert', model, `${direct}.f16.gguf`])).code).toBe(0)
  expect((await qt(['quantize', `${direct}.f16.gguf`, direct, '--type', 'Q4_0'])).code).toBe(0)
  expect((await qt(['quantize', model, onTheWay, '--type', 'Q4_0'])).code).toBe(0)
  expect((await readFile(onTheWay)).equals(await readFile(direct))).toBe(true)
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([])
})

test('takes types by pattern, for output and embeddings, leaves out layers, and sets metadata', async () => {
  const out = join(folder, 'options.gguf')
  const flags = ['--tensor-type', 'ffn_down=Q8_0', '--tensor-type', 'attn_(k|v)=Q5_1', '--token-embedding-type', 'BF16']
  const more = ['--prune-layers', '0', '--override-kv', 'general.name=str:Small', '--no-sync']
  expect((await qt(['quantize', tiny, out, '--type', 'Q4_0', '--pure', ...flags, ...more])).code).toBe(0)
  const { tensors, metadata } = JSON.parse((await qt(['inspect', out, '--json'])).stdout)
  const types = Object.fromEntries(tensors.map(({ name, type }: { name: string; type: string }) => [name, type]))
  expect(types).toMatchObject({
    'token_embd.weight': 'BF16',
    'blk.0.ffn_down.weight': 'Q8_0',
    'blk.0.attn_k.weight': 'Q5_1',
    'blk.0.attn_q.weight': 'Q4_0',
  })
  expect(Object.keys(types).filter((name) => name.startsWith('blk.1.'))).toEqual([])
  expect(JSON.stringify(metadata)).toContain('Small')
})

test('quantises twice only when allowed', async () => {
  const [once, twice] = [join(folder, 'once.gguf'), join(folder, 'twice.gguf')]
  await qt(['quantize', tiny, once, '--type', 'Q8_0'])
  const refused = await qt(['quantize', once, twice, '--type', 'Q4_0', '--json'])
  expect(refused.code).toBe(2)
  expect(JSON.parse(refused.stdout).error.code).toBe('QUANT_AGAIN')
  expect((await qt(['quantize', once, twice, '--type', 'Q4_0', '--allow-requantize'])).code).toBe(0)
})

test.each([
  [['--type', 'Q4_KM'], 'QUANT_TYPE_UNKNOWN'],
  [['--type', 'Q4_0', '--tensor-type', 'ffn'], 'USAGE_BAD_VALUE'],
  [['--type', 'Q4_0', '--override-kv', 'a=int:x'], 'USAGE_BAD_VALUE'],
  [['--type', 'Q4_0', '--prune-layers', '0,9'], 'QUANT_LAYER'],
  [['--type', 'Q4_0', '--threads', '0'], 'QUANT_THREADS'],
  [['--max-size', 'big'], 'USAGE_BAD_VALUE'],
  [['--max-size', '1GB', '--profile', 'watch'], 'USAGE_BAD_VALUE'],
  [['--type', 'Q4_0', '--report', 'none.html', '--prune-layers', '0'], 'USAGE_BAD_VALUE'],
  [[], 'USAGE_MISSING_FLAG'],
])('refuses %j', async (flags, expected) => {
  const { code, stdout } = await qt(['quantize', tiny, join(folder, 'none.gguf'), ...flags, '--json'])
  expect([code, JSON.parse(stdout).error.code]).toEqual([2, expected])
  expect(await readdir(folder)).not.toContain('none.gguf')
})

test('compares no file that only its own method reads, and says so before it writes one', async () => {
  const method = join(folder, 'mine.mjs')
  await writeFile(
    method,
    `export default { name: 'MINE', blockSize: 16, blockBytes: 16, encode(values, out) { out.set(values.map((x) => x * 8)) }, decode(blocks, out) { out.set(blocks) } }`,
  )
  const [out, report] = [join(folder, 'mine.gguf'), join(folder, 'mine.html')]
  const { code, stderr } = await qt(['quantize', tiny, out, '--method', method, '--report', report])
  expect([code, stderr]).toEqual([2, expect.stringContaining('a file in the format MINE is read by its method only')])
  expect((await readdir(folder)).filter((name) => /^mine\.(gguf|html)/.test(name))).toEqual([])
})

test('interrupted, it ends with 130 and leaves no file behind', async () => {
  const out = join(folder, 'interrupted')
  const run = start(['quantize', fixture('tiny.gguf'), join(out, 'model.gguf'), '--type', 'Q4_0'])
  run.child.kill('SIGINT')
  const { code, stderr } = await run.ended
  // A signal before the verb begins ends the process by itself; either way there is no half file.
  expect(code === 130 || code === null || (code === 0 && stderr.includes('100 %'))).toBe(true)
  const left = await readdir(out).catch(() => [])
  expect(left).toEqual(code === 0 ? ['model.gguf'] : [])
})
