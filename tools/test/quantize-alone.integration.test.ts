import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativePlatform } from '@qt/core'
import { convert } from '@qt/weights'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { closure, pack, publishable } from '../src/packages.js'
import { packPlatform } from '../src/platform-package.js'
import { root } from '../src/root.js'

/* @qt/quantize in an empty project, from what a publish would upload: first without its native part, then with it. */

const program = `
import { quantize } from '@qt/quantize'
const [output, type] = process.argv.slice(2)
const { engine } = await quantize('model.gguf', output, { type, onWarning: (text) => console.error(text) })
console.log(engine)
`

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-quantize-alone-'))
  await convert(join(root, 'packages/weights/test/fixtures/tiny-llama'), join(folder, 'model.gguf'), { type: 'F16' })
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
  await writeFile(join(folder, 'use.js'), program)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function install(...tarballs: readonly string[]): Promise<void> {
  const flags = ['--prefer-offline', '--no-audit', '--no-fund']
  const installed = await command('npm', ['install', ...flags, ...tarballs], { cwd: folder })
  expect(installed.code, tail(installed)).toBe(0)
}

const use = (output: string) => command(process.execPath, ['use.js', output, 'Q4_K_M'], { cwd: folder })

test('works alone, slowly without the package of the platform and natively with it, with the same bytes', async () => {
  const needed = closure(await publishable(), ['@qt/quantize'])
  await install(...(await Promise.all(needed.map(async (item) => (await pack(item, folder)).path))))
  expect((await readdir(join(folder, 'node_modules/@qt'))).sort()).toEqual(['core', 'quantize', 'weights'])
  const slow = await use('slow.gguf')
  expect([slow.code, slow.stdout], tail(slow)).toEqual([0, 'reference\n'])
  expect(slow.stderr).toContain(`npm install @qt/quantize-${nativePlatform()}`)

  const platform = await packPlatform('quantize', folder)
  expect(platform.files).toEqual(expect.arrayContaining(['LICENSE', 'THIRD_PARTY_NOTICES', 'qt_quantize.node']))
  await install(platform.path)
  const fast = await use('fast.gguf')
  expect([fast.code, fast.stdout, fast.stderr]).toEqual([0, 'native\n', ''])
  const [one, other] = await Promise.all(['slow.gguf', 'fast.gguf'].map((name) => readFile(join(folder, name))))
  expect(Buffer.compare(one!, other!)).toBe(0)
})
