import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { randomModel } from './random-models.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const chromium = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
)
if (chromium === undefined) console.log('skipped: there is no Chromium to run the browser build in')

const model = randomModel(60, 0.5, 3)
const plain = {
  ...model,
  linear: [...model.linear],
  rows: [...model.rows],
  columns: [...model.columns],
  values: [...model.values],
}

/** What the package is where a bundler is not: modules and a map of their names. */
const page = `<!doctype html><script type="importmap">
{"imports": {"@qt/core": "/packages/core/dist/index.js", "zod": "/node_modules/zod/index.js"}}
</script><script type="module">
const say = (what) => fetch('/said', { method: 'POST', body: JSON.stringify(what) })
try {
  const { quadraticModel, solve } = await import('/packages/quantum/dist/browser.js')
  const given = ${JSON.stringify(plain)}
  const couplings = given.values.map((value, k) => [given.rows[k], given.columns[k], value])
  const model = quadraticModel({ vartype: given.vartype, size: given.size, offset: given.offset, linear: given.linear, couplings })
  const { energy, engine, solution } = await solve(model, { solver: 'parallel-tempering', sweeps: 50, reads: 2, seed: 4 })
  await say({ energy, engine, solution: [...solution] })
} catch (error) {
  await say({ error: String(error) })
}
</script>`

const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.mjs': 'text/javascript' }

test.skipIf(chromium === undefined)('a real browser solves as Node does', { timeout: 600_000 }, async () => {
  const { solve } = await import('../src/index.js')
  const profile = await mkdtemp(join(tmpdir(), 'qt-chromium-'))
  let resolve = (_: string) => {}
  const said = new Promise<string>((done) => {
    resolve = done
  })
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    if (path === '/said') {
      let body = ''
      for await (const chunk of request) body += chunk
      resolve(body)
      response.end()
      return
    }
    if (path === '/') {
      response.setHeader('content-type', 'text/html')
      response.end(page)
      return
    }
    const content = await readFile(join(root, path)).catch(() => undefined)
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream')
    response.writeHead(content === undefined ? 404 : 200)
    response.end(content)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${profile}`]
  const browser = spawn(chromium!, [...flags, `http://127.0.0.1:${port}/`], { stdio: 'ignore' })
  const ended = new Promise<void>((done) => {
    browser.once('exit', () => done())
    browser.once('error', () => done())
  })
  onTestFinished(async () => {
    browser.kill('SIGKILL')
    await ended
    server.close()
    server.closeAllConnections()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  const here = await solve(model, { solver: 'parallel-tempering', sweeps: 50, reads: 2, seed: 4 })
  const died = ended.then((): never => {
    throw new Error('Chromium ended before the page said anything')
  })
  expect(JSON.parse(await Promise.race([said, died]))).toEqual({
    energy: here.energy,
    engine: 'wasm',
    solution: [...here.solution],
  })
})
