import { createServer, type IncomingHttpHeaders } from 'node:http'
import { onTestFinished } from 'vitest'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** What the server says; `hang` never answers, `drop` closes the connection. */
export type Answer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | 'hang'
  | 'drop'

export interface Server {
  readonly url: string
  /** Everything that was asked, in order. */
  readonly asked: Asked[]
  /** The next requests to these paths get these answers first. */
  fail(path: RegExp, ...answers: Answer[]): void
}

/** A real server on this machine, for the length of a test. */
export async function serve(answerTo: (asked: Asked) => Answer | Promise<Answer>): Promise<Server> {
  const asked: Asked[] = []
  const faults: { path: RegExp; answer: Answer }[] = []
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(Buffer.from(piece))
    const url = new URL(request.url ?? '/', 'http://localhost')
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(pieces),
    }
    asked.push(one)
    const fault = faults.findIndex(({ path }) => path.test(`${one.method} ${one.path}`))
    const answer = fault < 0 ? await answerTo(one) : faults.splice(fault, 1)[0]!.answer
    if (answer === 'hang') return
    if (answer === 'drop') return void request.socket.destroy()
    const { status = 200, headers = {}, body } = answer
    const raw = typeof body === 'string' || body instanceof Uint8Array
    response.writeHead(status, { 'content-type': raw ? 'text/plain' : 'application/json', ...headers })
    response.end(body === undefined ? '' : raw ? body : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    fail: (path, ...answers) => faults.push(...answers.map((answer) => ({ path, answer }))),
  }
}
