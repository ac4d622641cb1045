import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { tensorTypeNames } from '@qt/core'
import { expect, test, vi } from 'vitest'

// Reads every source file, on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Words in capitals with an underscore that are no error codes. */
const others = new Set<string>([
  ...tensorTypeNames,
  'ERR_MODULE_NOT_FOUND',
  'ERR_ENCODING_INVALID_ENCODED_DATA',
  'CAUSAL_LM',
  'UPLOAD_COMPLETED',
])

const withoutComments = (source: string): string => source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')

async function thrownCodes(): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const name of await readdir(`${root}packages`)) {
    const files = await readdir(`${root}packages/${name}/src`, { recursive: true }).catch(() => [])
    for (const file of files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))) {
      const source = withoutComments(await readFile(`${root}packages/${name}/src/${file}`, 'utf8'))
      const codes = [
        ...source.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g),
        ...source.matchAll(/(?:usageError\(|\bcode:)\s*'([A-Z]+)'/g),
      ]
      for (const [, code] of codes)
        if (!others.has(code!) && !isType(code!) && !isSetting(code!)) found.set(code!, `packages/${name}/src/${file}`)
    }
  }
  return found
}

/** Names of quantised file types: Q4_K_M, IQ3_XXS, MXFP4_MOE. */
const isType = (word: string): boolean => /^(I?Q|TQ|MXFP|NVFP)\d/.test(word)

/** Names in the environment: AZURE_TENANT_ID, DWAVE_API_TOKEN, WORLD_SIZE. */
const isSetting = (word: string): boolean => /^(AZURE|DWAVE|MASTER|WORLD|LOCAL|OMPI|PMIX|SLURM|HF)_/.test(word)

async function documented(): Promise<{ anchor: string; code: string }[]> {
  const text = await readFile(`${root}docs/errors.md`, 'utf8')
  return [...text.matchAll(/^### (.+)\n\n`([A-Z0-9_]+)`\./gm)].map(([, title, code]) => ({
    anchor: title!.toLowerCase().replaceAll(' ', '-'),
    code: code!,
  }))
}

test('every error code that is thrown has an entry, and every entry is thrown', async () => {
  const [thrown, entries] = [await thrownCodes(), await documented()]
  const codes = entries.map(({ code }) => code)
  expect(codes.length).toBeGreaterThan(50)
  const missing = [...thrown].filter(([code]) => !codes.includes(code)).map(([code, file]) => `${code} (${file})`)
  expect(missing, 'missing in docs/errors.md').toEqual([])
  expect(
    codes.filter((code) => !thrown.has(code)),
    'thrown nowhere',
  ).toEqual([])
  expect(new Set(codes).size).toBe(codes.length)
})

test('the help link of an error leads to its entry', async () => {
  for (const { anchor, code } of await documented()) expect(anchor).toBe(code.toLowerCase().replaceAll('_', '-'))
})
