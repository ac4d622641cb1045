import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { pack, publishable, type Tarball } from '../src/packages.js'

const packages = await publishable()
const tarballs = new Map<string, Tarball>()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-tarballs-'))
  for (const item of packages) tarballs.set(item.name, await pack(item, folder))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(packages)('$name', (item) => {
  const tarball = () => tarballs.get(item.name)!

  test('ships its build, its README and its licence, and neither sources nor tests', () => {
    const { files } = tarball()
    const needed = ['README.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts']
    expect(needed.filter((file) => !files.includes(file))).toEqual([])
    expect(files.filter((file) => /^(src|test|native\/build)\/|\.test\.|fixtures/.test(file))).toEqual([])
  })

  test('passes publint', async () => {
    const bytes = await readFile(tarball().path)
    const tarballBuffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball: tarballBuffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
  })

  test('has right types for ES modules (attw)', async () => {
    const result = await command('attw', [tarball().path, '--profile', 'esm-only', '--format', 'ascii', '--no-color'])
    expect(result.code, tail(result)).toBe(0)
  })
})
