import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativePlatform } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { closure, pack, publishable } from '../src/packages.js'
import { packCuda, packPlatform } from '../src/platform-package.js'
import { root } from '../src/root.js'

/*
 * The package of the engine's part for GPUs in an empty project, from what a publish would upload. The library in it is the emulator, which
 * is opened as the device's is and needs no GPU.
 */
const library = join(root, 'packages/trainer-native/native/build/release/cuda/emulator/libqt_cuda_emulated.so')
const there = existsSync(library)
if (!there) console.log('The package for GPUs is not tried: ctest of trainer-native has not built the emulated library.')

let folder: string
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'qt-cuda-package-')))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
  await writeFile(join(folder, 'use.js'), "import { gpus } from '@qt/trainer-native'\nconsole.log(JSON.stringify(gpus()))\n")
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function install(...tarballs: readonly string[]): Promise<void> {
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  const installed = await command('npm', ['install', ...flags, ...tarballs], { cwd: folder })
  expect(installed.code, tail(installed)).toBe(0)
}

async function found(): Promise<unknown> {
  const run = await command(process.execPath, ['use.js'], { cwd: folder })
  expect(run.code, tail(run)).toBe(0)
  return JSON.parse(run.stdout)
}

test.skipIf(!there)('nobody gets it unasked, its name is told, and installed it is found', async () => {
  const needed = closure(await publishable(), ['@qt/trainer-native'])
  const packed = await Promise.all(needed.map(async (item) => (await pack(item, folder)).path))
  await install(...packed, (await packPlatform('trainer-native', folder)).path)
  const name = `@qt/trainer-cuda-${nativePlatform()}`
  expect(await found()).toEqual({ state: 'absent', install: `npm install ${name}` })

  const { path, files } = await packCuda(folder, library)
  expect(files.toSorted()).toEqual(['LICENSE', 'README.md', 'THIRD_PARTY_NOTICES', 'libqt_cuda.so', 'package.json'])
  await install(path)
  expect(await found()).toMatchObject({
    state: 'usable',
    library: join(folder, 'node_modules', name, 'libqt_cuda.so'),
    devices: [{ name: 'CUDA emulator' }],
  })
})
