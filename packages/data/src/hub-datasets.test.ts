import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runDataPipeline } from './pipeline/run-data-pipeline.js'
import { readExamples } from './read-examples.js'

const commit = 'a'.repeat(40)
const file = `${JSON.stringify({ question: 'What is 2 + 2?', answer: '4' })}\n`

test('a dataset of the hub is read by its name, and again without the hub', async () => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://hub')
    if (pathname === `/api/datasets/owner/name/tree/main`)
      response.end(JSON.stringify([{ type: 'file', path: 'data/train.jsonl', size: file.length }]))
    else if (pathname.startsWith('/datasets/owner/name/resolve/')) {
      const etag = createHash('sha1').update(file).digest('hex')
      response.writeHead(200, { 'x-repo-commit': commit, etag: `"${etag}"`, 'content-length': String(file.length) })
      response.end(request.method === 'HEAD' ? undefined : file)
    } else response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const cache = await mkdtemp(join(tmpdir(), 'qt-hub-'))
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
  vi.stubEnv('HF_HUB_CACHE', cache)
  const read = async () => {
    const found = []
    for await (const { example } of readExamples('hf://datasets/owner/name')) found.push(example)
    return found
  }
  try {
    const first = await read()
    expect(first).toMatchObject([{ kind: 'chat', messages: [{ content: 'What is 2 + 2?' }, { content: '4' }] }])
    // What was made of it says so, whatever the cache is called.
    await writeFile(join(cache, 'one.yaml'), 'input: hf:owner/name\noutput: made\nthreads: 1\n')
    const { inputs } = await runDataPipeline(join(cache, 'one.yaml'))
    expect(inputs).toMatchObject([{ file: `hf://datasets/owner/name@${commit}/data/train.jsonl`, bytes: file.length }])
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    expect(await read()).toEqual(first)
  } finally {
    server.close()
    vi.unstubAllEnvs()
    await rm(cache, { recursive: true, force: true })
  }
})
