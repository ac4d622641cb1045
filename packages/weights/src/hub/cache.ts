import { joinPath } from '../io/paths.js'

/** Where the hub's own tools keep downloads: $HF_HUB_CACHE, $HF_HOME/hub, or ~/.cache/huggingface/hub. */
export async function cacheFolder(explicit: string | undefined): Promise<string> {
  if (explicit !== undefined) return explicit
  const { env } = await import('node:process')
  const { homedir } = await import('node:os')
  if (env.HF_HUB_CACHE) return env.HF_HUB_CACHE
  const home = env.HF_HOME || joinPath(env.XDG_CACHE_HOME || joinPath(homedir(), '.cache'), 'huggingface')
  return joinPath(home, 'hub')
}

/**
 * The layout that huggingface_hub uses, so that both share downloads:
 * models--owner--name/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/FILE → ../../blobs/ETAG}.
 */
export interface RepositoryCache {
  readonly folder: string
  blob(etag: string): string
  snapshot(commit: string): string
  /** The commit that a revision was at when it was last seen. */
  commitOf(revision: string): Promise<string | undefined>
  remember(revision: string, commit: string): Promise<void>
  /** Makes a blob appear as a file of a snapshot. */
  link(etag: string, commit: string, file: string): Promise<string>
}

export async function repositoryCache(cache: string, repository: string): Promise<RepositoryCache> {
  const { copyFile, mkdir, readFile, rename, rm, symlink } = await import('node:fs/promises')
  const { dirname, relative } = await import('node:path')
  const { writeFileAtomic } = await import('@qt/core/node')
  const name = repository.startsWith('datasets/') ? repository : `models/${repository}`
  const folder = joinPath(cache, name.replaceAll('/', '--'))
  const blob = (etag: string) => joinPath(folder, `blobs/${etag}`)
  const snapshot = (commit: string) => joinPath(folder, `snapshots/${commit}`)
  return {
    folder,
    blob,
    snapshot,
    async commitOf(revision) {
      if (/^[0-9a-f]{40}$/.test(revision)) return revision
      const commit = await readFile(joinPath(folder, `refs/${revision}`), 'utf8').catch(() => '')
      return commit.trim() || undefined
    },
    async remember(revision, commit) {
      if (revision === commit) return
      const file = joinPath(folder, `refs/${revision}`)
      await mkdir(dirname(file), { recursive: true })
      await writeFileAtomic(file, commit)
    },
    async link(etag, commit, file) {
      const path = joinPath(snapshot(commit), file)
      await mkdir(dirname(path), { recursive: true })
      const temporary = `${path}.${globalThis.crypto.randomUUID()}.tmp`
      // Where links are not allowed (Windows without developer mode) the file is copied.
      await symlink(relative(dirname(path), blob(etag)), temporary).catch(() => copyFile(blob(etag), temporary))
      await rename(temporary, path).catch(async (error: unknown) => {
        await rm(temporary, { force: true })
        throw error
      })
      return path
    },
  }
}
