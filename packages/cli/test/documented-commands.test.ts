import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { checkComplete, parseArguments } from '../src/args/parse.js'
import { verbs } from '../src/verbs/index.js'

// Loads every verb, on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const root = fileURLToPath(new URL('../../../', import.meta.url))

const quantising = ['docs/quantising.md', 'docs/quant-methods.md', 'examples/my-quant-method/README.md']

const data = [
  'docs/generating-data.md',
  'docs/data-pipelines.md',
  'examples/coding-rules-dataset/README.md',
  'examples/import-data/README.md',
]

async function texts(): Promise<string[]> {
  const templates = await readdir(join(root, 'packages/cli/templates'), { recursive: true })
  const readmes = templates.filter((file) => file.endsWith('README.md')).map((file) => `packages/cli/templates/${file}`)
  const evaluation = (await readdir(join(root, 'docs/evaluation'))).map((file) => `docs/evaluation/${file}`)
  const guides = [
    'docs/cli.md',
    'docs/clusters.md',
    'docs/evaluation.md',
    ...evaluation,
    'docs/training-data.md',
    ...data,
    ...quantising,
  ]
  return ['README.md', ...guides, 'packages/cli/README.md', ...readmes]
}

/** The words of a shell line up to a comment, quotes read as a shell does. */
const wordsOf = (line: string): string[] =>
  [...line.replace(/\s#\s.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )

test('every command that the documents show is one that the command line takes', async () => {
  const wrong: string[] = []
  let seen = 0
  for (const file of await texts())
    for (const [line] of (await readFile(join(root, file), 'utf8')).matchAll(/^(?:.*\| |npx )?qt [a-z].*$/gm)) {
      const words = wordsOf(line.slice(line.indexOf('qt ') + 3))
      const entry = [2, 1].flatMap((n) => verbs.filter(({ name }) => name === words.slice(0, n).join(' ')))[0]
      seen++
      try {
        const verb = await entry!.load()
        checkComplete(verb, parseArguments(verb, words.slice(entry!.name.split(' ').length)))
      } catch (error) {
        wrong.push(`${file}: ${line} (${error instanceof Error ? error.message : error})`)
      }
    }
  expect(wrong).toEqual([])
  expect(seen).toBeGreaterThan(40)
})
