import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runInNewContext } from 'node:vm'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { expected } from '../test/fixtures.js'
import { Tokenizer, trainBpe } from './index.js'

const entry = fileURLToPath(new URL('./index.ts', import.meta.url))

it('is bundled for a browser, and gives the same ids there with nothing of Node at hand', async () => {
  // What only loading from a path needs stays out, and is never reached.
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'qt',
    write: false,
    external: ['node:*', '@qt/core/node'],
    logLevel: 'silent',
  })
  const json = await trainBpe(expected.training.texts, { vocabularySize: 500 })
  // Long enough for the encoder in WebAssembly.
  const texts = [...expected.training.texts, 'Grüß 🎲 \u0000', 'Grüß 🎲, I search the altar\n'.repeat(5000), 'Grüß 🎲']
  const context = {
    atob,
    TextEncoder,
    TextDecoder,
    performance,
    file: JSON.stringify(json),
    texts: JSON.stringify(texts),
    result: '',
  }
  const script = `${outputFiles[0]!.text}
    const tokenizer = qt.Tokenizer.fromJson(JSON.parse(file))
    result = JSON.stringify(JSON.parse(texts).map((text) => [[...tokenizer.encode(text)], tokenizer.decode(tokenizer.encode(text))]))`
  runInNewContext(script, context)
  const here = Tokenizer.fromJson(JSON.parse(JSON.stringify(json)))
  expect(JSON.parse(context.result)).toEqual(texts.map((text) => [[...here.encode(text)], text]))
})

it.runIf(process.platform === 'linux')('gives the same ids where the system has no memory for WebAssembly', async () => {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
  })
  const json = JSON.stringify(await trainBpe(expected.training.texts, { vocabularySize: 500 }))
  const text = 'Grüß 🎲, I search the altar\n'.repeat(5000)
  const script = `${outputFiles[0]!.text}
    let memory = true
    try { new WebAssembly.Memory({ initial: 2 }) } catch { memory = false }
    console.log(JSON.stringify({ memory, ids: [...module.exports.Tokenizer.fromJson(${json}).encode(${JSON.stringify(text)})] }))`
  // Node itself gets along with less than the address space that each memory of WebAssembly takes.
  const out = execFileSync('sh', ['-c', 'ulimit -v 4000000; exec "$0" -', process.execPath], {
    input: script,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  expect(JSON.parse(out)).toEqual({ memory: false, ids: [...Tokenizer.fromJson(JSON.parse(json)).encode(text)] })
})

it('imports nothing of Node before a path is loaded', () => {
  const source = readFileSync(fileURLToPath(new URL('./load.ts', import.meta.url)), 'utf8')
  expect(source).toContain("import('node:fs/promises')")
  expect(source).not.toMatch(/^import .* from 'node:/m)
})
