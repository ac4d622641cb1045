import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { openEmbedder } from './open-embedder.js'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const tiny = path('../test/fixtures/tiny-bert')
const miniLm = path('../../../../shared/data/minilm')
if (!existsSync(miniLm)) console.log('skipped: all-MiniLM-L6-v2, since ../shared/data/minilm is not there')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-embed-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const expected: { texts: string[]; vectors: number[][] } = JSON.parse(readFileSync(join(tiny, 'expected.json'), 'utf8'))
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

test.each([1, 2, 32])('a float32 export gives the vectors of PyTorch, %i texts at once', async (batchSize) => {
  const embedder = await openEmbedder(tiny, { batchSize, threads: 1 })
  const vectors = await embedder.embed(expected.texts)
  expect(embedder.dimensions).toBe(24)
  for (const [index, vector] of vectors.entries()) {
    expect(dot(vector, expected.vectors[index]!)).toBeGreaterThan(0.99999)
    expect(dot(vector, vector)).toBeCloseTo(1, 5)
  }
  await embedder.close()
})

test('what is longer than a text may be is cut off', async () => {
  const embedder = await openEmbedder(tiny, { maxLength: 5, threads: 1 })
  const [long, short] = await embedder.embed(['an old church , knight', 'an old church'])
  expect(long).toEqual(short)
  await embedder.close()
})

test('vectors are kept between runs, and a damaged record is made again', async () => {
  const cache = join(folder, 'cache')
  const once = async (texts: readonly string[]) => {
    const embedder = await openEmbedder(tiny, { cache, threads: 1 })
    const vectors = await embedder.embed(texts)
    await embedder.close()
    return vectors
  }
  const texts = expected.texts.slice(0, 4)
  const first = await once([...texts, texts[0]!])
  expect(first[4]).toEqual(first[0])
  const [name] = await readdir(cache)
  const file = join(cache, name!)
  const record = 16 + 4 * 24 + 4
  expect((await stat(file)).size).toBe(4 * record)
  expect(await once(texts)).toEqual(first.slice(0, 4))
  expect((await stat(file)).size).toBe(4 * record)
  const bytes = readFileSync(file)
  bytes[record + 30]! ^= 1
  // The last record is cut, as a full disk leaves it.
  await writeFile(file, bytes.subarray(0, -7))
  expect(await once(texts)).toEqual(first.slice(0, 4))
  expect((await stat(file)).size).toBe(6 * record)
  expect(await once(texts)).toEqual(first.slice(0, 4))
  expect((await stat(file)).size).toBe(6 * record)
})

test('two embedders with one cache keep their vectors apart', async () => {
  const cache = join(folder, 'shared')
  const [one, other] = [await openEmbedder(tiny, { cache, threads: 1 }), await openEmbedder(tiny, { cache, threads: 1 })]
  const [[a], [b]] = [await one.embed(['a knight']), await other.embed(['an old church'])]
  const [c, d] = await one.embed(['an old church', 'a knight'])
  expect([c, d]).toEqual([b, a])
  expect(await other.embed(['a knight', 'an old church'])).toEqual([a, b])
  await Promise.all([one.close(), other.close()])
})

test('a model of the hub is downloaded with what belongs to it', async () => {
  const served = new Map([
    ['tokenizer.json', 'tokenizer.json'],
    ['config.json', 'config.json'],
    ['onnx/model.onnx', 'model.onnx'],
  ])
  const server = createServer((request, response) => {
    const name = served.get(/^\/owner\/name\/resolve\/main\/(.+)$/.exec(request.url ?? '')?.[1] ?? '')
    if (name === undefined) return response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
    const data = readFileSync(join(tiny, name))
    const etag = `"${createHash('sha1').update(data).digest('hex')}"`
    response.writeHead(200, { 'x-repo-commit': 'a'.repeat(40), etag, 'content-length': String(data.length) })
    return response.end(request.method === 'HEAD' ? undefined : data)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())))
  const address = server.address()
  const endpoint = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const embedder = await openEmbedder('owner/name', { endpoint, hubCache: join(folder, 'hub'), threads: 1 })
  const [vector] = await embedder.embed(expected.texts.slice(0, 1))
  expect(dot(vector!, expected.vectors[0]!)).toBeGreaterThan(0.99999)
  await embedder.close()
})

test('what is no sentence model is refused by name', async () => {
  const broken = join(folder, 'broken')
  await cp(tiny, broken, { recursive: true })
  const refused = (model: string, options = {}) => expect(openEmbedder(model, options)).rejects
  await writeFile(join(broken, 'model.onnx'), 'no graph')
  await refused(broken).toMatchObject({ code: 'EMBED_MODEL', where: { file: join(broken, 'model.onnx') } })
  await cp(join(tiny, 'model.onnx'), join(broken, 'model.onnx'))
  await cp(tiny, join(broken, '1_Pooling'), { recursive: true })
  await writeFile(join(broken, '1_Pooling/config.json'), '{"pooling_mode_cls_token": true}')
  await refused(broken).toMatchObject({ code: 'EMBED_MODEL', where: { field: 'pooling_mode_mean_tokens' } })
  await writeFile(join(broken, 'config.json'), 'no JSON')
  await rm(join(broken, '1_Pooling'), { recursive: true })
  await refused(broken).toMatchObject({ code: 'EMBED_MODEL', where: { file: join(broken, 'config.json') } })
  await refused(folder).toMatchObject({ code: 'EMBED_MODEL', where: { file: folder } })
  await refused(tiny, { maxLength: 2 }).toMatchObject({ code: 'EMBED_OPTION', where: { field: 'maxLength' } })
})

test('an abort ends the work between batches', async () => {
  const embedder = await openEmbedder(tiny, { threads: 1 })
  await expect(embedder.embed(['a'], { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
  await embedder.close()
})

/** all-MiniLM-L6-v2 as float32, as test/fixtures/export_minilm.py exports it. */
const float32 = process.env.QT_MINILM ?? path('../../../.models/all-MiniLM-L6-v2')
const hasFloat32 = existsSync(join(float32, 'model.onnx')) && existsSync(miniLm)
if (!hasFloat32) console.log('skipped: all-MiniLM-L6-v2 as float32, since QT_MINILM names no export')

test.skipIf(!hasFloat32)('the float32 export of all-MiniLM-L6-v2 gives the vectors of sentence-transformers', async () => {
  const { sentences, fp32_embeddings: vectors }: { sentences: string[]; fp32_embeddings: number[][] } = JSON.parse(
    readFileSync(join(miniLm, 'expected.json'), 'utf8'),
  )
  const embedder = await openEmbedder(float32)
  expect(embedder.dimensions).toBe(384)
  for (const [index, vector] of (await embedder.embed(sentences)).entries())
    expect(dot(vector, vectors[index]!)).toBeGreaterThan(0.9999)
  await embedder.close()
})

test('without onnxruntime-node an error says how to install it', async () => {
  const hook =
    "export const resolve = (name, context, next) => { if (name === 'onnxruntime-node') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' }); return next(name, context) }"
  const code = `import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))
const { openEmbedder } = await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)})
await openEmbedder(${JSON.stringify(tiny)}).catch((error) => console.log(JSON.stringify(error)))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
  expect(JSON.parse(stdout)).toMatchObject({
    code: 'PACKAGE_MISSING',
    actions: [{ command: 'npm install onnxruntime-node --ignore-scripts' }],
  })
})

test.skipIf(!existsSync(miniLm))(
  'the int8 file of all-MiniLM-L6-v2 stays near the float32 vectors',
  async () => {
    const { sentences, fp32_embeddings: vectors } = JSON.parse(readFileSync(join(miniLm, 'expected.json'), 'utf8'))
    const embedder = await openEmbedder(miniLm, { cache: join(folder, 'minilm') })
    expect([embedder.dimensions, embedder.batchSize]).toEqual([384, 1])
    const together = await embedder.embed(sentences)
    for (const [index, vector] of together.entries()) expect(dot(vector, vectors[index])).toBeGreaterThan(0.95)
    expect(dot(together[0]!, together[1]!)).toBeGreaterThan(dot(together[0]!, together[2]!) + 0.3)
    await embedder.close()
    // A text has one vector, whatever it is embedded with.
    const alone = await openEmbedder(miniLm)
    expect(await alone.embed([sentences[2]])).toEqual([together[2]])
    await alone.close()
  },
  60_000,
)
