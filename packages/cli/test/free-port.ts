import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })

/** Over UDP, where nobody here sends anything: what others that look for a port see, and those that take it do not. */
const keep = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4').unref()
    socket.once('error', () => socket.close(() => resolve(false)))
    socket.bind({ port, exclusive: true }, () => resolve(true))
  })

/**
 * A port of TCP that is free, none of those that the system hands out by itself, and this process's while it lives: nobody else gets it
 * from here, although who listens on it has yet to start.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if ((await keep(port)) && (await listens(port))) return port
  }
}
