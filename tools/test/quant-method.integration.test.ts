import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { command, tail } from '../src/command.js'
import { quantMethod, type Tree } from '../src/generators/quant-method.js'
import { root } from '../src/root.js'

vi.setConfig({ testTimeout: 300_000 })

const place = 'packages/quant-scaffold-test'
afterEach(() => rm(join(root, place), { recursive: true, force: true }))

/** A tree in memory. */
function memory(files = new Map<string, string>()): Tree & { files: Map<string, string> } {
  return { files, exists: (path) => files.has(path), write: (path, content) => void files.set(path, content) }
}

describe('nx g quant-method', () => {
  it.each(['encoder', 'format'] as const)('makes a %s that is well formatted, has right types and conforms', async (kind) => {
    const tree = memory()
    quantMethod(tree, { name: 'Scaffold_Test', kind })
    for (const [path, content] of tree.files) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
    }
    for (const [program, args] of [
      ['biome', ['check', place]],
      ['tsc', ['-p', place]],
      ['vitest', ['run', '--root', place]],
    ] as const) {
      const { code, ...out } = await command(program, args)
      expect(code, `${program}: ${tail({ code, ...out })}`).toBe(0)
    }
  })

  it('is what Nx finds under that name', async () => {
    const found = await command('nx', ['g', 'quant-method', 'SCAFFOLD_TEST', '--dry-run', '--no-interactive'])
    expect(found.code, tail(found)).toBe(0)
    expect(stripVTControlCharacters(found.stdout)).toContain(`CREATE ${place}/src/method.test.ts`)
  })

  it('says through Nx what to do about a name that is none', async () => {
    const refused = await command('nx', ['g', 'quant-method', 'my-try', '--dry-run', '--no-interactive'])
    expect(refused.code).toBe(1)
    expect(refused.stdout + refused.stderr).toContain('→ Use letters, digits and underscores')
  })

  it('refuses names that are none, and to write over a package', () => {
    expect(() => quantMethod(memory(), { name: '4-bit' })).toThrow('no name')
    const tree = memory(new Map([['packages/quant-mine/package.json', '{}']]))
    expect(() => quantMethod(tree, { name: 'MINE' })).toThrow('already')
  })
})
