import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { onTestFinished } from 'vitest'

export interface HubServer {
  readonly endpoint: string
  readonly commit: string
  /** Every request as `METHOD path [range]`. */
  readonly log: string[]
  /** Cuts the next content download of a file after so many bytes. */
  cut(file: string, bytes: number): void
  /** Sends other bytes than announced, once. */
  damage(file: string): void
  close(): Promise<void>
}

interface Repository {
  /** Default `owner/name`. */
  readonly name?: string
  readonly kind?: 'model' | 'dataset'
  readonly files: Readonly<Record<string, Uint8Array>>
  /** Files in large-file storage: a redirect to another host, and a SHA-256 as ETag. */
  readonly large?: readonly string[]
  readonly gated?: boolean
  readonly token?: string
}

const sha = (algorithm: string, data: string | Uint8Array) => createHash(algorithm).update(data).digest('hex')

/** A server on this machine that speaks the hub's protocol for one repository, a model or a dataset. */
export async function hubServer(repository: Repository): Promise<HubServer> {
  const { name = 'owner/name' } = repository
  const commit = sha('sha1', JSON.stringify(Object.keys(repository.files)))
  const log: string[] = []
  const cuts = new Map<string, number>()
  const damaged = new Set<string>()
  const fail = (response: ServerResponse, status: number, code: string) =>
    response.writeHead(status, { 'x-error-code': code }).end()

  const sendContent = (request: IncomingMessage, response: ServerResponse, file: string, headers: Record<string, string>) => {
    let data = repository.files[file]!
    if (damaged.delete(file)) data = data.map((byte) => byte ^ 1)
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    const part = data.subarray(start)
    response.writeHead(start > 0 ? 206 : 200, {
      ...headers,
      'content-length': String(part.length),
      ...(start > 0 ? { 'content-range': `bytes ${start}-${data.length - 1}/${data.length}` } : {}),
    })
    const end = cuts.get(file)
    cuts.delete(file)
    if (request.method === 'HEAD') response.end()
    else if (end === undefined) response.end(part)
    else response.write(part.subarray(0, end), () => setTimeout(() => response.destroy(), 20))
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://hub')
    log.push([request.method, url.pathname + url.search, request.headers.range].filter(Boolean).join(' '))
    const allowed = repository.token === undefined || request.headers.authorization === `Bearer ${repository.token}`
    if (!allowed) return repository.gated ? fail(response, 401, 'GatedRepo') : fail(response, 401, 'RepoNotFound')
    const dataset = repository.kind === 'dataset'
    const [api, page] = dataset ? ['/api/datasets', '/datasets'] : ['/api/models', '']
    const tree = new RegExp(`^${api}/${name}/tree/([^/]+)$`).exec(url.pathname)
    const content = new RegExp(`^${page}/${name}/resolve/([^/]+)/(.+)$`).exec(url.pathname)
    if (!tree && !content) return fail(response, 404, 'RepoNotFound')
    if (![commit, 'main', 'v1'].includes((tree ?? content)![1]!)) return fail(response, 404, 'RevisionNotFound')
    if (tree) return sendTree(url, response)
    const file = decodeURIComponent(content![2]!)
    const data = repository.files[file]
    if (data === undefined) return fail(response, 404, 'EntryNotFound')
    if (!repository.large?.includes(file))
      return sendContent(request, response, file, { 'x-repo-commit': commit, etag: `"${sha('sha1', data)}"` })
    response.writeHead(302, {
      location: `${origin(storage)}/${encodeURIComponent(file)}?signature=1`,
      'x-repo-commit': commit,
      'x-linked-etag': `"${sha('sha256', data)}"`,
      'x-linked-size': String(data.length),
      etag: '"storage"',
    })
    response.end()
  })

  // Another origin, as on the hub: a token sent here would be given away.
  const storage = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://storage')
    log.push([request.method, `storage${url.pathname}`, request.headers.range].filter(Boolean).join(' '))
    if (request.headers.authorization) fail(response, 400, 'TokenLeaked')
    else sendContent(request, response, decodeURIComponent(url.pathname.slice(1)), {})
  })

  /** Two entries a page, as the hub does with thousands. */
  function sendTree(url: URL, response: ServerResponse): void {
    const entries = Object.entries(repository.files).map(([path, data]) => ({
      type: 'file',
      path,
      size: data.length,
      oid: sha('sha1', data),
    }))
    const start = Number(url.searchParams.get('cursor') ?? 0)
    const next =
      start + 2 < entries.length ? { link: `<${endpoint}${url.pathname}?recursive=true&cursor=${start + 2}>; rel="next"` } : {}
    response.writeHead(200, { 'content-type': 'application/json', ...next }).end(JSON.stringify(entries.slice(start, start + 2)))
  }

  const servers = [server, storage]
  for (const each of servers) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))
  const endpoint = origin(server)
  const close = async () => {
    for (const each of servers)
      await new Promise<void>((resolve) => {
        each.close(() => resolve())
        each.closeAllConnections()
      })
  }
  onTestFinished(close)
  return { endpoint, commit, log, cut: (file, bytes) => cuts.set(file, bytes), damage: (file) => damaged.add(file), close }
}

function origin(server: Server): string {
  const address = server.address()
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : ''
}
