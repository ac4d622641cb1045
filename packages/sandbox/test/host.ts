import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { homedir, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { processesWith } from './processes-of.js'

/** Things on this machine that programs try to reach, open to everybody, so that only the walls keep programs from them. */
export interface Host {
  readonly env: Readonly<Record<string, string>>
  /** Everything that must be afterwards as it was before. */
  state(): Readonly<Record<string, unknown>>
  close(): Promise<void>
}

export async function openHost(): Promise<Host> {
  const marker = `qt-hostile-${randomUUID()}`
  const folder = mkdtempSync(join(tmpdir(), 'qt-host-'))
  const file = join(folder, 'secret.txt')
  writeFileSync(file, 'host secret')
  chmodSync(folder, 0o777)
  chmodSync(file, 0o666)
  process.env.QT_HOST_SECRET = 'host secret'
  const user = process.getuid?.() === 0 ? { uid: 65_000, gid: 65_000 } : {}
  const canary = spawn('sleep', ['600'], { stdio: 'ignore', env: { SECRET: 'host secret', PATH: '/usr/bin:/bin' }, ...user })
  const answering = () => createServer((socket) => socket.on('error', () => {}).end('host secret'))
  const [tcp, unix] = [answering(), answering()]
  await listening(tcp, { port: 0, host: '127.0.0.1' })
  await listening(unix, { path: join(folder, 'socket') })
  chmodSync(join(folder, 'socket'), 0o777)
  const address = tcp.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return {
    env: {
      HOST_FILE: file,
      HOST_SOCKET: join(folder, 'socket'),
      HOST_PID: String(canary.pid),
      HOST_PORT: String(port),
      REAL_HOME: homedir(),
      MARKER: marker,
    },
    state: () => ({
      file: readFileSync(file, 'utf8'),
      folder: readdirSync(folder).sort(),
      canary: alive(canary),
      name: hostname(),
      mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
      left: processesWith('environ', `MARKER=${marker}`),
    }),
    async close() {
      canary.kill('SIGKILL')
      await Promise.all([tcp, unix].map((server) => new Promise((resolve) => server.close(resolve))))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const listening = (server: Server, where: { port: number; host: string } | { path: string }) =>
  new Promise<void>((resolve) => server.listen(where, resolve))

const alive = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null
