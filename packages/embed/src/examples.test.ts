import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { openEmbedder } from './index.js'

const AsyncFunction: new (...source: string[]) => (...values: unknown[]) => Promise<unknown> = Object.getPrototypeOf(
  async () => {},
).constructor

test.each(['open-embedder.ts', '../README.md'])('the examples of %s run', async (file) => {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8').replace(/^ \* ?/gm, '')
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code.replace(/^import .*$/gm, ''))
  expect(blocks).toHaveLength(1)
  const [folder, before] = [mkdtempSync(join(tmpdir(), 'qt-embed-examples-')), process.cwd()]
  mkdirSync(join(folder, 'models'))
  cpSync(fileURLToPath(new URL('../test/fixtures/tiny-bert', import.meta.url)), join(folder, 'models/all-MiniLM-L6-v2'), {
    recursive: true,
  })
  try {
    process.chdir(folder)
    await new AsyncFunction('openEmbedder', blocks[0]!)(openEmbedder)
  } finally {
    process.chdir(before)
    rmSync(folder, { recursive: true, force: true })
  }
})
