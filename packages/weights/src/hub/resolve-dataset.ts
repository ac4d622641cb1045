import { QtError, usageError } from '@qt/core'
import { joinPath } from '../io/paths.js'
import { fileExists } from '../model/read-json.js'
import { cacheFolder, type RepositoryCache, repositoryCache } from './cache.js'
import { downloadFiles } from './download-files.js'
import { type HubFile, listFiles } from './list-files.js'
import { parseReference } from './reference.js'
import { connect, type ResolveOptions } from './resolve.js'

/**
 * The local paths of the data files of a dataset of the hub, `hf://datasets/owner/name[@revision][/path]`, downloaded into the hub's own
 * cache, continuing where an interrupted download stopped. The path is a folder or a file of it, or a pattern with `*`. A revision that is a
 * commit never changes; without a network an earlier download of the same is used.
 *
 * @example
 * ```ts
 * const files = await resolveDataset('hf://datasets/owner/name@main/main')
 * ```
 */
export async function resolveDataset(reference: string, options: ResolveOptions = {}): Promise<string[]> {
  const { owner, revision: own, path } = parseDataset(reference)
  options.signal?.throwIfAborted()
  const repository = `datasets/${owner}`
  const connection = await connect(options)
  const cache = await repositoryCache(await cacheFolder(options.cacheDir), repository)
  const revision = options.revision ?? own ?? 'main'
  try {
    const names = dataFiles(await listFiles(connection, repository, revision), path, reference)
    const { commit, paths } = await downloadFiles(connection, cache, { repository, revision, names }, options)
    await rememberFiles(cache, commit, path, names)
    return [...paths]
  } catch (error) {
    if (!QtError.isInstance(error) || error.code !== 'HUB_UNREACHABLE') throw error
    const cached = await fromCache(cache, revision, path)
    if (cached === undefined) throw error
    return cached
  }
}

/** Whether a path names a dataset of the hub. */
export const isDatasetReference = (reference: string): boolean => /^hf:/.test(reference)

function parseDataset(reference: string): { owner: string; revision: string | undefined; path: string } {
  const [, id = '', path = ''] = /^hf:(?:\/\/datasets\/)?([^/]+\/[^/@]+(?:@[^/]+)?)\/?(.*)$/s.exec(reference) ?? []
  const parsed = parseReference(id)
  if (parsed === undefined || path.split('/').some((part) => part === '..' || part === '.'))
    throw usageError('REFERENCE_UNKNOWN', `${reference} is no dataset of the hub.`, {
      actions: [
        'Write hf://datasets/owner/name, with @revision and a path when you want: hf://datasets/owner/name@main/data/*.parquet.',
      ],
    })
  return { owner: parsed.repository, revision: parsed.revision, path: path.replace(/\/+$/, '') }
}

const kinds = /\.(?:parquet|(?:jsonl|ndjson|json|csv|tsv|txt)(?:\.(?:gz|zst))?)$/i
/** They describe a dataset. */
const descriptions = /(?:^|\/)(?:dataset_infos?|dataset_dict|state|metadata|config)\.json$|(?:^|\/)(?:readme|license)[^/]*$/i

/** The data files below a path, in one order; of a dataset that has its data in several forms the Parquet files. */
function dataFiles(files: readonly HubFile[], path: string, reference: string): string[] {
  const inside = matcher(path)
  const found = files.map((file) => file.path).filter((name) => kinds.test(name) && !descriptions.test(name) && inside(name))
  const parquet = found.filter((name) => /\.parquet$/i.test(name))
  const wanted = parquet.length > 0 ? parquet : found
  if (wanted.length > 0) return wanted.sort((a, b) => (a < b ? -1 : 1))
  const folders = [
    ...new Set(
      files.filter(({ path: name }) => kinds.test(name)).map(({ path: name }) => name.split('/').slice(0, -1).join('/')),
    ),
  ]
  throw usageError('HUB_NO_DATA', `${reference} has no data file: Parquet, JSON, JSONL, CSV, TSV or text.`, {
    actions:
      folders.length > 0
        ? [
            `There are some in: ${folders
              .slice(0, 8)
              .map((folder) => folder || '/')
              .join(', ')}.`,
          ]
        : ['Choose another dataset.'],
  })
}

/** Whether a file is the path, lies below it, or fits it as a pattern: `*` stands for anything but a slash, `**` for anything. */
function matcher(path: string): (name: string) => boolean {
  if (path === '') return () => true
  if (!path.includes('*')) return (name) => name === path || name.startsWith(`${path}/`)
  const pattern = path
    .split(/(\*\*\/?|\*)/)
    .map((part) => (part === '*' ? '[^/]*' : part.startsWith('**') ? '.*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
  const expression = new RegExp(`^${pattern.join('')}$`)
  return (name) => expression.test(name)
}

/** The name for all files has a letter that no encoded path has. */
const listOf = (cache: RepositoryCache, commit: string, path: string): string =>
  joinPath(cache.folder, `files/${commit}/${encodeURIComponent(path).replaceAll('*', '%2A') || '+all'}.json`)

async function rememberFiles(cache: RepositoryCache, commit: string, path: string, names: readonly string[]): Promise<void> {
  const { mkdir } = await import('node:fs/promises')
  const { dirname } = await import('node:path')
  const { writeFileAtomic } = await import('@qt/core/node')
  const file = listOf(cache, commit, path)
  await mkdir(dirname(file), { recursive: true })
  await writeFileAtomic(file, JSON.stringify(names))
}

/** Without a network: what an earlier download of the same left whole. */
async function fromCache(cache: RepositoryCache, revision: string, path: string): Promise<string[] | undefined> {
  const commit = await cache.commitOf(revision)
  if (commit === undefined) return undefined
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(listOf(cache, commit, path), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const names: string[] = JSON.parse(text)
  const files = names.map((name) => joinPath(cache.snapshot(commit), name))
  for (const file of files) if (!(await fileExists(file))) return undefined
  return files
}
