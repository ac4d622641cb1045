import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { fixture, temporaryFolder } from '../test/files.js'
import { hubServer } from '../test/hub-server.js'
import * as api from './index.js'

const sources = fileURLToPath(new URL('.', import.meta.url))
const readme = fileURLToPath(new URL('../README.md', import.meta.url))

const commented = readdirSync(sources, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .flatMap((name) =>
    blocks(readFileSync(join(sources, name), 'utf8').replace(/^ \* ?/gm, '')).map((code) => [name, code] as const),
  )
const written = blocks(readFileSync(readme, 'utf8')).map((code, index) => [`README.md ${index + 1}`, code] as const)

function blocks(text: string): string[] {
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = '']) => code.replace(/^import .*$/gm, ''))
}

const AsyncFunction: new (...source: string[]) => (...values: unknown[]) => Promise<unknown> = Object.getPrototypeOf(
  async () => {},
).constructor

/** A folder with the files that examples speak of, as the current one. */
async function examplesFolder(kind: 'model' | 'dataset'): Promise<void> {
  const folder = temporaryFolder()
  const copies = {
    'base.gguf': 'tiny-llama.gguf',
    'model.gguf': 'tiny-llama.gguf',
    base: 'tiny-llama',
    merged: 'tiny-llama',
    adapter: 'adapter',
  }
  for (const [to, from] of Object.entries(copies)) cpSync(fixture(from), join(folder, to), { recursive: true })
  cpSync(fixture('tiny-llama/model.safetensors'), join(folder, 'model.safetensors'))
  writeFileSync(join(folder, 'recipe.yaml'), 'merge_method: linear\nmodels:\n  - model: base/\n    parameters: { weight: 1 }\n')
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
  const models = ['config.json', 'model.safetensors', 'model.gguf'].map((name) => {
    const path = join(folder, name === 'config.json' ? 'base/config.json' : name)
    return [name, new Uint8Array(readFileSync(path))] as const
  })
  const data = [['main/train.jsonl', new TextEncoder().encode('{"text":"One."}\n')]] as const
  const hub = await hubServer({ kind, files: Object.fromEntries(kind === 'model' ? models : data) })
  vi.stubEnv('HF_ENDPOINT', hub.endpoint)
  vi.stubEnv('HF_HUB_CACHE', join(folder, 'cache'))
  onTestFinished(() => void vi.unstubAllEnvs())
}

describe('examples run as they are written', () => {
  it.each([...commented, ...written])('%s', async (_, code) => {
    await examplesFolder(code.includes('resolveDataset') ? 'dataset' : 'model')
    const silent = vi.spyOn(console, 'log').mockImplementation(() => {})
    onTestFinished(() => silent.mockRestore())
    await new AsyncFunction(...Object.keys(api), code)(...Object.values(api))
  })

  it('there are some', () => {
    expect(commented.length).toBeGreaterThan(9)
    expect(written.length).toBeGreaterThan(3)
  })
})
