import { fileExists } from '../model/read-json.js'
import type { RepositoryCache } from './cache.js'
import { downloadBlob, remoteFile } from './download.js'
import type { HubConnection } from './request.js'
import type { ResolveOptions } from './resolve.js'

export interface WantedFiles {
  readonly repository: string
  readonly revision: string
  readonly names: readonly string[]
}

/**
 * Files of a repository in the cache, downloaded where they are not there, and remembered for the revision. All come from the commit that the
 * first one was at, whatever is pushed meanwhile.
 */
export async function downloadFiles(
  connection: HubConnection,
  cache: RepositoryCache,
  { repository, revision, names }: WantedFiles,
  { signal, onProgress }: Pick<ResolveOptions, 'signal' | 'onProgress'>,
): Promise<{ readonly commit: string; readonly paths: readonly string[] }> {
  let commit = revision
  const paths: string[] = []
  for (const name of names) {
    signal?.throwIfAborted()
    const remote = await remoteFile(connection, repository, commit, name)
    commit = remote.commit
    if (!(await fileExists(cache.blob(remote.etag)))) {
      let done = 0
      await downloadBlob(connection, cache, repository, remote, (bytes) => {
        done += bytes
        onProgress?.({ file: name, done, total: remote.size })
      })
    }
    paths.push(await cache.link(remote.etag, commit, name))
  }
  await cache.remember(revision, commit)
  return { commit, paths }
}
