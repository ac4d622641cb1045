import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Box } from './box.js'
import { killConfined } from './kill-tree.js'
import { LaunchedBox, pipeNames } from './launched-box.js'
import { findIn, systemPath } from './programs.js'
import { quote } from './shell.js'
import { covering } from './spawned.js'

const filterName = 'filter'

/**
 * A shell that starts boxes, one after another, a line each. A process of Node is large, so that a child of it costs milliseconds
 * of copied page tables; a child of a shell costs a tenth of that. A running shell cannot be handed pipes, so they have names, in a
 * folder that only the user of the boxes can enter and that no box sees.
 */
export class Launcher {
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #filter: string
  #box: LaunchedBox | undefined
  #failed = false

  /** Throws where that is not possible. */
  constructor(filter: Uint8Array | undefined, user: number | undefined) {
    const [setpriv, mkfifo, sh] = ['setpriv', 'mkfifo', 'sh'].map((name) => findIn(systemPath, name))
    if (!setpriv || !mkfifo || !sh) throw new Error('setpriv, mkfifo or sh is not installed')
    const as = user === undefined ? {} : { uid: user, gid: user }
    this.#folder = makeFolder()
    this.#filter = filter ? `5<${filterName}` : ''
    try {
      if (filter) writeFileSync(join(this.#folder, filterName), filter, { mode: 0o444 })
      if (user !== undefined) chownSync(this.#folder, user, user)
      execFileSync(mkfifo, ['-m', '600', ...Object.values(pipeNames)], { cwd: this.#folder, env: {}, stdio: 'ignore', ...as })
      this.#child = spawn(setpriv, ['--pdeathsig', 'KILL', sh, '-s'], {
        stdio: covering<'pipe'>(['pipe', 'pipe', 'ignore']),
        env: { PATH: systemPath },
        cwd: this.#folder,
        // It ends with this process, but not by a Ctrl-C that was meant for it.
        detached: true,
        ...as,
      })
    } catch (error) {
      this.#removeFolder()
      throw error
    }
    const child = this.#child
    child.once('error', () => {
      this.#failed = true
      this.#ended()
    })
    child.once('close', () => this.#ended())
    child.stdin?.on('error', () => {})
    child.stdout?.on('data', (code: Buffer) => this.#box?.end(Number(code.toString('latin1'))))
    child.unref()
    for (const stream of [child.stdin, child.stdout]) if (stream instanceof Socket) stream.unref()
  }

  get alive(): boolean {
    return !this.#failed && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts the command, which reports on descriptor 3 and reads a file from 4 and the filter from 5; when the box before has closed. */
  start(command: readonly string[]): Box {
    const { stdout, stderr, report, file } = pipeNames
    this.#box = new LaunchedBox(this.#folder, () => this.end())
    this.#child.stdin?.write(
      `${command.map(quote).join(' ')} </dev/null >${stdout} 2>${stderr} 3>${report} 4<${file} ${this.#filter}; echo $?\n`,
    )
    return this.#box
  }

  /** Ends what it started, and itself. */
  end(): void {
    killConfined(this.#child, 3)
    this.#removeFolder()
  }

  #ended(): void {
    this.#box?.end(null)
    this.#removeFolder()
  }

  #removeFolder(): void {
    folders.delete(this.#folder)
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const prefix = 'qt-sandbox-'
const day = 86_400_000

/** Of launchers that were not ended: those go with this process, but their folders would stay. */
const folders = new Set<string>()
let swept = false

/** In memory, where that is possible: a busy disk would hold every program up. */
function makeFolder(): string {
  const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  if (!swept) sweep(parent)
  swept = true
  const folder = mkdtempSync(join(parent, prefix))
  folders.add(folder)
  return folder
}

/** Removes what processes left that were killed, and at the end of this one what is its own. */
function sweep(parent: string): void {
  process.on('exit', () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  for (const name of readdirSync(parent).filter((name) => name.startsWith(prefix)))
    try {
      const folder = join(parent, name)
      if (Date.now() - statSync(folder).mtimeMs > day) rmSync(folder, { recursive: true, force: true })
    } catch {
      // It is somebody else's, or gone.
    }
}
