import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { command, tail } from '../src/command.js'
import { closure, pack, publishable } from '../src/packages.js'
import { root } from '../src/root.js'

let folder: string
let ours: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-install-'))
  const packages = closure(await publishable(), ['@qt/core', '@qt/data'])
  ours = packages.map(({ name }) => name).sort()
  const tarballs = await Promise.all(packages.map(async (item) => (await pack(item, folder)).path))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  const installed = await command('npm', ['install', ...flags, ...tarballs], { cwd: folder })
  expect(installed.code, tail(installed)).toBe(0)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Every package folder below node_modules, by name. */
async function installed(): Promise<string[]> {
  const lock = z.object({ packages: z.record(z.string(), z.unknown()) })
  const text = await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8')
  return Object.keys(lock.parse(JSON.parse(text)).packages).map((path) => path.replace(/^.*node_modules\//, ''))
}

test('of ours only core, data and what they need are installed', async () => {
  const names = await installed()
  expect(names.filter((name) => name.startsWith('@qt/')).sort()).toEqual(ours)
  expect(ours).not.toContain('@qt/trainer-native')
})

test('nothing native and nothing that builds came along', async () => {
  const files = (await readdir(join(folder, 'node_modules'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  expect(files.length).toBeGreaterThan(10)
  expect(files.filter((file) => /\.(node|so|dylib|dll|wasm|gyp|gypi|cc|cpp|onnx)$|CMakeLists/.test(file))).toEqual([])
  const names = await installed()
  expect(names.filter((name) => /node-addon-api|cmake-js|node-gyp|prebuild|bindings|onnx|duckdb|torch/.test(name))).toEqual([])
})

test('the whole install is small', async () => {
  const names = await installed()
  // Ours, zod, yaml, the template engine and the file finder with its two parts, with room for one more.
  expect(names.length, names.join(', ')).toBeLessThanOrEqual(ours.length + 8)
})

test('a strictly typed program compiles against the published types and does its work', async () => {
  for (const file of ['use.ts', 'tsconfig.json']) await copyFile(join(root, 'tools/test/install', file), join(folder, file))
  // Types of Node itself are the user's own; the workspace's serve here.
  const compiled = await command('tsc', ['-p', '.', '--typeRoots', join(root, 'node_modules/@types')], { cwd: folder })
  expect(compiled.code, tail(compiled)).toBe(0)
  const run = await command(process.execPath, ['use.js'], { cwd: folder })
  expect(run.code, tail(run)).toBe(0)
  expect(JSON.parse(run.stdout)).toEqual({
    batchSize: 2,
    learningRate: 2e-4,
    chat: '<user>I search the altar<assistant>You find a key.',
    tokens: 37,
    rows: 1,
    ids: [84, 104, 101, 32],
    refused: 'CONFIG_UNKNOWN_KEY adapter.rnak: Did you mean "rank"?',
  })
})
