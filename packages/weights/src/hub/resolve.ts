import { QtError, usageError } from '@qt/core'
import { joinPath } from '../io/paths.js'
import { fileExists } from '../model/read-json.js'
import { cacheFolder, type RepositoryCache, repositoryCache } from './cache.js'
import { downloadFiles } from './download-files.js'
import { filesToTake, listFiles } from './list-files.js'
import { type HubReference, parseReference } from './reference.js'
import type { HubConnection } from './request.js'

export interface ResolveProgress {
  readonly file: string
  /** Bytes of this file that are here, and its size when known. */
  readonly done: number
  readonly total: number | undefined
}

export interface ResolveOptions {
  readonly revision?: string | undefined
  /** Of a private or gated repository; left out: $HF_TOKEN, or the token that `hf auth login` saved. */
  readonly token?: string | undefined
  readonly cacheDir?: string | undefined
  /** Left out: $HF_ENDPOINT or https://huggingface.co. */
  readonly endpoint?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: ResolveProgress) => void) | undefined
}

/**
 * The local path of a model, an adapter or a file: a path stays as it is; a hub id (`owner/name[@revision][:file]`) is
 * downloaded into the hub's own cache, continuing where an interrupted download stopped.
 *
 * @example
 * ```ts
 * const file = await resolve('owner/name:model.gguf')
 * const folder = await resolve('owner/name@main')
 * ```
 */
export async function resolve(reference: string, options: ResolveOptions = {}): Promise<string> {
  const { stat } = await import('node:fs/promises')
  if (await stat(reference).catch(() => undefined)) return reference
  const parsed = /\.(gguf|safetensors|json)$/.test(reference) && !reference.includes(':') ? undefined : parseReference(reference)
  if (parsed === undefined)
    throw usageError(
      'REFERENCE_UNKNOWN',
      `There is no file or folder ${reference}, and it is not a hub id (owner/name[@revision][:file]).`,
      {
        actions: ['Check the path.', 'For a model of the hub write owner/name.'],
      },
    )
  options.signal?.throwIfAborted()
  const connection = await connect(options)
  const cache = await repositoryCache(await cacheFolder(options.cacheDir), parsed.repository)
  const revision = options.revision ?? parsed.revision ?? 'main'
  try {
    return await fromHub(connection, cache, parsed, revision, options)
  } catch (error) {
    if (!QtError.isInstance(error) || error.code !== 'HUB_UNREACHABLE') throw error
    const cached = await fromCache(cache, parsed, revision)
    if (cached === undefined) throw error
    return cached
  }
}

/** Where the hub is, and who asks. */
export async function connect({ endpoint, token, signal }: ResolveOptions): Promise<HubConnection> {
  const { env } = await import('node:process')
  const base = (endpoint ?? env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '')
  return { endpoint: base, token: token ?? (env.HF_TOKEN || (await savedToken(env.HF_HOME))), signal }
}

/** Where `hf auth login` keeps it. */
async function savedToken(home: string | undefined): Promise<string | undefined> {
  const { readFile } = await import('node:fs/promises')
  const { homedir } = await import('node:os')
  const file = joinPath(home || joinPath(homedir(), '.cache/huggingface'), 'token')
  return (await readFile(file, 'utf8').catch(() => '')).trim() || undefined
}

async function fromHub(
  connection: HubConnection,
  cache: RepositoryCache,
  { repository, file }: HubReference,
  revision: string,
  options: ResolveOptions,
): Promise<string> {
  const names =
    file === undefined
      ? filesToTake(await listFiles(connection, repository, revision), repository).map(({ path }) => path)
      : [file]
  const { commit, paths } = await downloadFiles(connection, cache, { repository, revision, names }, options)
  const path = paths.at(-1) ?? ''
  return file === undefined && !path.endsWith('.gguf') ? cache.snapshot(commit) : path
}

/** Without a network: what an earlier download left whole. */
async function fromCache(cache: RepositoryCache, { file }: HubReference, revision: string): Promise<string | undefined> {
  const commit = await cache.commitOf(revision)
  if (commit === undefined) return undefined
  const snapshot = cache.snapshot(commit)
  if (file !== undefined) return (await fileExists(joinPath(snapshot, file))) ? joinPath(snapshot, file) : undefined
  const { readdir } = await import('node:fs/promises')
  const names: string[] = await readdir(snapshot).catch(() => [])
  if (hasWeights(names)) return snapshot
  const ggufs = names.filter((name) => name.endsWith('.gguf'))
  return ggufs.length === 1 ? joinPath(snapshot, ggufs[0]!) : undefined
}

function hasWeights(names: readonly string[]): boolean {
  const shards = names.filter((name) => /^model-\d+-of-\d+\.safetensors$/.test(name))
  const whole = shards.length > 0 && shards.length === Number(/-of-(\d+)/.exec(shards[0]!)?.[1])
  if (whole && names.includes('model.safetensors.index.json') && names.includes('config.json')) return true
  return (
    (names.includes('config.json') && names.includes('model.safetensors')) ||
    (names.includes('adapter_config.json') && names.includes('adapter_model.safetensors'))
  )
}
