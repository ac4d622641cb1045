import { realpath, stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { usageError } from '@qt/core'
import type { ResolveProgress } from '@qt/weights'
import { glob, isDynamicPattern } from 'tinyglobby'
import { isManifest } from './pipeline/dataset-manifest.js'
import { isUrl, nameOf } from './reading/read-bytes.js'
import { heldOutInside, type WalkOptions, walkFolder } from './walk-folder.js'

export type FileKind = 'lines' | 'json' | 'csv' | 'parquet' | 'text'

const packed = '(\\.(gz|zst))?$'
const kinds: readonly (readonly [RegExp, FileKind])[] = [
  [new RegExp(`\\.(jsonl|ndjson)${packed}`, 'i'), 'lines'],
  [new RegExp(`\\.json${packed}`, 'i'), 'json'],
  [new RegExp(`\\.(csv|tsv)${packed}`, 'i'), 'csv'],
  [/\.parquet$/i, 'parquet'],
  [new RegExp(`\\.(txt|md)${packed}`, 'i'), 'text'],
]
const known = '.jsonl, .ndjson, .json, .csv, .tsv, .txt or .md, each also packed (.gz, .zst), or .parquet'

/** The kind of a data file by its name, or undefined for one that is not read. */
export const fileKind = (file: string): FileKind | undefined => kinds.find(([name]) => name.test(nameOf(file)))?.[1]

export interface FindOptions extends WalkOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of files of the hub as they come down. */
  readonly onDownload?: ((progress: ResolveProgress) => void) | undefined
}

/**
 * The data files behind files, folders (searched recursively), globs, http(s) addresses and datasets of the hub
 * (`hf://datasets/owner/name`). Within each of them the order is by code unit,
 * the same on every machine; a file that two patterns or links reach is read once.
 */
export async function findFiles(path: string | readonly string[], options: FindOptions = {}): Promise<string[]> {
  const found = new Set<string>()
  for (const one of typeof path === 'string' ? [path] : path) for (const file of await expand(one, options)) found.add(file)
  return [...found]
}

async function expand(path: string, options: FindOptions): Promise<string[]> {
  if (isUrl(path)) return [path]
  // Of the hub: downloaded first, or found where an earlier download left it.
  if (path.startsWith('hf:')) {
    const { signal, onDownload } = options
    return (await import('@qt/weights')).resolveDataset(path, { signal, onProgress: onDownload })
  }
  const entry = await stat(path).catch(() => undefined)
  if (entry?.isFile()) {
    if (fileKind(path) !== undefined) return [path]
    throw usageError('DATA_FILE_UNSUPPORTED', `${path} is of a kind that is not read as data.`, {
      where: { file: path },
      actions: [`Use ${known}.`],
    })
  }
  const files: string[] = []
  // What a pipeline says of its data is no record of it.
  for (const file of await everyFile(path, options))
    if (fileKind(file) !== undefined && !(await isManifest(file))) files.push(file)
  if (files.length === 0)
    throw usageError('DATA_NOT_FOUND', `No data file was found at ${path}.`, {
      where: { file: path },
      actions: [`Put ${known} files there, or correct the path.`],
    })
  // The README of a dataset of records describes it, it is no part of it.
  return files.some((file) => fileKind(file) !== 'text')
    ? files.filter((file) => !/^readme\.(md|txt)$/i.test(basename(file)))
    : files
}

/** Every file below a folder or of a pattern, whatever its kind, by code unit. */
export async function everyFile(path: string, options: WalkOptions = {}): Promise<string[]> {
  const entry = await stat(path).catch(() => undefined)
  if (entry?.isFile()) return [path]
  if (entry?.isDirectory()) return (await walkFolder(path, options)).sort(byCodeUnit)
  if (isDynamicPattern(path)) return (await eachOnce(path, await glob(path, { onlyFiles: true }), options)).sort(byCodeUnit)
  throw usageError('DATA_NOT_FOUND', `There is no data at ${path}.`, {
    where: { file: path },
    actions: ['Check the path: a file, a folder, or a pattern such as data/**/*.jsonl.'],
  })
}

/** Of the names that links give one file, its own. */
async function eachOnce(pattern: string, files: readonly string[], { avoid, onFinding }: WalkOptions): Promise<string[]> {
  const names = new Map<string, string>()
  let avoided = 0
  for (const file of files) {
    const real = await realpath(file).catch(() => undefined)
    const own = real === resolve(file)
    if (real === undefined) continue
    if (avoid?.has(real)) avoided += own ? 1 : 0
    else if (own || !names.has(real)) names.set(real, file)
  }
  if (avoided > 0) onFinding?.(heldOutInside(pattern, avoided))
  return [...names.values()]
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
