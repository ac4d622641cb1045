import { messageOf, QtError } from '@qt/core'
import { fileExists } from '../model/read-json.js'
import type { RepositoryCache } from './cache.js'
import { type HubConnection, hubRequest } from './request.js'

/** What the hub says of a file before it is downloaded. */
export interface RemoteFile {
  readonly url: string
  readonly commit: string
  /** Of the content: a SHA-256 for large files, a git hash for small ones. */
  readonly etag: string
  readonly size: number | undefined
}

const remoteUrl = ({ endpoint }: HubConnection, repository: string, revision: string, file: string) =>
  `${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${file.split('/').map(encodeURIComponent).join('/')}`

/** Commit, content hash and size of a file, without its content. */
export async function remoteFile(
  connection: HubConnection,
  repository: string,
  revision: string,
  file: string,
): Promise<RemoteFile> {
  const url = remoteUrl(connection, repository, revision, file)
  const headers = { 'accept-encoding': 'identity' }
  let response = await hubRequest(connection, url, repository, { method: 'HEAD', redirect: 'manual', headers })
  // A renamed repository redirects within the hub; storage redirects carry the headers already.
  const location = response.headers.get('location')
  if (location?.startsWith('/') && !response.headers.has('x-repo-commit'))
    response = await hubRequest(connection, connection.endpoint + location, repository, {
      method: 'HEAD',
      redirect: 'manual',
      headers,
    })
  const commit = response.headers.get('x-repo-commit') ?? ''
  const etag = (response.headers.get('x-linked-etag') ?? response.headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '')
  if (!/^[0-9a-f]{40}$/.test(commit) || !/^[\w.-]{1,200}$/.test(etag))
    throw new QtError({
      code: 'HUB_ANSWER',
      message: `The server's answer for ${file} of ${repository} lacks the hub's headers (X-Repo-Commit, ETag).`,
      actions: ['Check HF_ENDPOINT.'],
    })
  const redirected = response.status >= 300 && response.status < 400
  const length = response.headers.get('x-linked-size') ?? (redirected ? null : response.headers.get('content-length'))
  return { url, commit, etag, size: length === null ? undefined : Number(length) }
}

/**
 * Downloads a file's content into the cache, from where an earlier attempt stopped. Others may do so at the same time: all write the same
 * bytes at the same places and nobody takes any away, so that what is there is right up to its end, and whoever is first gives it its name.
 */
export async function downloadBlob(
  connection: HubConnection,
  cache: RepositoryCache,
  repository: string,
  remote: RemoteFile,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { constants, mkdir, open, rename, rm, stat } = await import('node:fs/promises')
  const target = cache.blob(remote.etag)
  const partial = `${target}.incomplete`
  await mkdir(`${cache.folder}/blobs`, { recursive: true })
  let done = await stat(partial).then(
    ({ size }) => size,
    () => 0,
  )
  if (remote.size !== undefined && done > remote.size) {
    await rm(partial, { force: true })
    done = 0
  }
  if (remote.size === undefined || done < remote.size || done === 0) {
    const headers = { 'accept-encoding': 'identity', ...(done > 0 ? { range: `bytes=${done}-` } : {}) }
    const response = await hubRequest(connection, remote.url, repository, { headers })
    // A server that ignores the range starts again from the first byte.
    if (response.status !== 206) done = 0
    const handle = await open(partial, constants.O_RDWR | constants.O_CREAT)
    try {
      onBytes(done)
      for await (const chunk of body(response, remote, connection)) {
        await handle.write(chunk, 0, chunk.length, done)
        done += chunk.length
        onBytes(chunk.length)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
  } else onBytes(done)
  if (remote.size !== undefined && done !== remote.size)
    throw interrupted(remote, `it ended after ${done} of ${remote.size} bytes`)
  try {
    if (/^[0-9a-f]{64}$/.test(remote.etag) && (await sha256(partial)) !== remote.etag) {
      await rm(partial, { force: true })
      throw new QtError({
        code: 'HUB_CHECKSUM',
        message: `The download of ${remote.url} is damaged: its SHA-256 is not the one that the hub announced.`,
        actions: ['Run the same command again; the damaged part was removed.'],
      })
    }
    await rename(partial, target)
  } catch (error) {
    if (!(await fileExists(target))) throw error
  }
}

async function* body(response: Response, remote: RemoteFile, connection: HubConnection): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  try {
    yield* response.body
  } catch (cause) {
    connection.signal?.throwIfAborted()
    throw interrupted(remote, messageOf(cause), cause)
  }
}

const interrupted = (remote: RemoteFile, why: string, cause?: unknown) =>
  new QtError({
    code: 'HUB_INTERRUPTED',
    message: `The download of ${remote.url} was interrupted: ${why}.`,
    actions: ['Run the same command again: it continues where it stopped.'],
    cause,
  })

async function sha256(file: string): Promise<string> {
  const { createHash } = await import('node:crypto')
  const { createReadStream } = await import('node:fs')
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
  return hash.digest('hex')
}
