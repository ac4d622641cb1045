import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { usageError } from '@qt/core'
import { glob, isDynamicPattern } from 'tinyglobby'

const readable = /\.(jsonl|ndjson|json|txt|md)(\.gz)?$/i
const records = /\.(jsonl|ndjson|json)(\.gz)?$/i

/** The kind of a data file by its name, or undefined for one that is not read. */
export const fileKind = (file: string): 'lines' | 'json' | 'text' | undefined =>
  /\.json(\.gz)?$/i.test(file) ? 'json' : records.test(file) ? 'lines' : readable.test(file) ? 'text' : undefined

/**
 * The data files behind files, folders (searched recursively) and globs. Within each of them the order is by code unit,
 * the same on every machine; a file that two patterns reach is read once.
 */
export async function findFiles(path: string | readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const one of typeof path === 'string' ? [path] : path) for (const file of await expand(one)) found.add(file)
  return [...found]
}

async function expand(path: string): Promise<string[]> {
  const entry = await stat(path).catch(() => undefined)
  if (entry?.isFile()) {
    if (fileKind(path) !== undefined) return [path]
    throw usageError('DATA_FILE_UNSUPPORTED', `${path} is of a kind that is not read as data.`, {
      where: { file: path },
      actions: ['Use .jsonl, .ndjson, .json, .txt or .md, each also gzipped (.gz).'],
    })
  }
  if (!entry?.isDirectory() && !isDynamicPattern(path))
    throw usageError('DATA_NOT_FOUND', `There is no data at ${path}.`, {
      where: { file: path },
      actions: ['Check the path: a file, a folder, or a pattern such as data/**/*.jsonl.'],
    })
  const matches = entry?.isDirectory()
    ? (await glob('**', { cwd: path, onlyFiles: true })).map((file) => join(path, file))
    : await glob(path, { onlyFiles: true })
  const files = matches.filter((file) => fileKind(file) !== undefined).sort(byCodeUnit)
  if (files.length === 0)
    throw usageError('DATA_NOT_FOUND', `No data file was found at ${path}.`, {
      where: { file: path },
      actions: ['Put .jsonl, .ndjson, .json, .txt or .md files there, or correct the path.'],
    })
  // The README of a dataset of records describes it, it is no part of it.
  return files.some((file) => records.test(file)) ? files.filter((file) => !/^readme\.(md|txt)$/i.test(basename(file))) : files
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
