import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { QtError } from '@qt/core'
import { expect, test, vi } from 'vitest'
import { checkComplete, parseArguments } from '../src/args/parse.js'
import { verbs } from '../src/verbs/index.js'

// Loads every verb, on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** All that people read: the README of the repository, guides, and what lies beside packages, examples and templates. */
async function texts(): Promise<string[]> {
  const found: string[] = ['README.md']
  for (const folder of ['docs', 'packages', 'examples']) {
    const files = await readdir(join(root, folder), { recursive: true })
    for (const file of files)
      if (file.endsWith('.md') && !/(^|\/)(node_modules|fixtures|output|dist|build)\//.test(file)) found.push(`${folder}/${file}`)
  }
  return found
}

/** The words of a shell line up to a comment, quotes read as a shell does. */
const wordsOf = (line: string): string[] =>
  [...line.replace(/\s#\s.*$/, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  )

/** The verb that words begin with, of one word or two. */
const entryOf = (words: readonly string[]) =>
  [2, 1].flatMap((n) => verbs.filter(({ name }) => name === words.slice(0, n).join(' ')))[0]

test('every command that the documents show is one that the command line takes', async () => {
  const wrong: string[] = []
  let seen = 0
  for (const file of await texts())
    for (const [line] of (await readFile(join(root, file), 'utf8')).matchAll(
      /^ *(?:.*\| |(?:mpirun|srun|torchrun) .*|npx )?\bqt [a-z].*$/gm,
    )) {
      const words = wordsOf(line.slice(line.search(/\bqt /) + 3))
      const entry = entryOf(words)
      seen++
      try {
        const verb = await entry!.load()
        checkComplete(verb, parseArguments(verb, words.slice(entry!.name.split(' ').length)))
      } catch (error) {
        wrong.push(`${file}: ${line} (${error instanceof Error ? error.message : error})`)
      }
    }
  expect(wrong).toEqual([])
  expect(seen).toBeGreaterThan(150)
})

test('every command that is named in a sentence is a verb, or a group of them, with flags that are there', async () => {
  const wrong: string[] = []
  let seen = 0
  for (const file of await texts())
    for (const [, command = ''] of (await readFile(join(root, file), 'utf8')).matchAll(/`(?:npx )?qt ([a-z][^`]*)`/g)) {
      const [group = '', ...words] = wordsOf(command.replace(/\s+/g, ' '))
      seen++
      // qt optimize bits|data; qt submit, of which there are several.
      for (const second of (words[0] ?? '').split('|')) {
        const all = [group, second, ...words.slice(1)].filter(Boolean)
        const entry = entryOf(all)
        if (!entry && all.length === 1 && verbs.some(({ name }) => name.startsWith(`${group} `))) continue
        try {
          const verb = await entry!.load()
          parseArguments(verb, all.slice(entry!.name.split(' ').length))
        } catch (error) {
          // A flag may be named without its value.
          if (!(QtError.isInstance(error) && error.code === 'USAGE_MISSING_VALUE'))
            wrong.push(`${file}: qt ${command} (${error})`)
        }
      }
    }
  expect(wrong).toEqual([])
  expect(seen).toBeGreaterThan(100)
})
