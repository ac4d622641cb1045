import { type Execution, QtError } from '@qt/core'
import { Launcher } from './launcher.js'
import type { Confinement, Prepared } from './mechanism.js'
import { spawned } from './spawned.js'
import { type RunOptions, type Started, started } from './started.js'

/** Programs of a slot become one of two users in turn: one runs, one waits. */
interface Turn {
  readonly user: number | undefined
  launcher?: Launcher | undefined
}

interface Slot {
  readonly turns: readonly [Turn, Turn]
  /** What the last program was like, but for the text of its file. */
  last?: string | undefined
  waiting?: { readonly kind: string; readonly box: Started } | undefined
  idle?: NodeJS.Timeout | undefined
  turn: 0 | 1
}

/** Milliseconds that walls wait for the next program. */
const patience = 2000

/**
 * Runs programs, and puts walls up ahead of time: when two programs in a row differ in the text of their file alone, as when solutions are
 * judged, those for the third are put up while the second runs. Each box is used once.
 */
export class WarmBoxes {
  readonly #confinement: Confinement
  readonly #firstUser: number | undefined
  readonly #slots: Slot[] = []
  /** This machine can launch boxes, as far as known. */
  #launches: boolean

  /** Boxes of a slot become `firstUser + 2 · slot` and the one after it in turn. */
  constructor(confinement: Confinement, firstUser: number | undefined) {
    this.#confinement = confinement
    this.#firstUser = firstUser
    this.#launches = confinement.ahead !== undefined
  }

  async run(at: number, program: Prepared, options: RunOptions): Promise<Execution> {
    options.signal?.throwIfAborted()
    const slot = this.#slot(at)
    const kind = this.#launches ? kindOf(program, options) : undefined
    const spawn = () => this.#spawn(slot, program, options.stdin !== undefined).run(options)
    const ready = this.#take(slot, kind)
    const running = ready
      ? this.#runReady(ready, program, options).catch((error: unknown) => this.#without(error, spawn))
      : spawn()
    if (kind !== undefined && kind === slot.last) slot.waiting = this.#startAhead(slot, { kind, program })
    slot.last = kind
    try {
      return await running
    } finally {
      if (slot.waiting) slot.idle = setTimeout(() => this.#rest(slot), patience).unref()
    }
  }

  /** Ends what waits. */
  end(): void {
    for (const slot of this.#slots) if (slot) this.#rest(slot)
  }

  #slot(at: number): Slot {
    const user = (turn: number) => (this.#firstUser === undefined ? undefined : this.#firstUser + 2 * at + turn)
    this.#slots[at] ??= { turns: [{ user: user(0) }, { user: user(1) }], turn: 0 }
    return this.#slots[at]
  }

  /** The box that waits, when it is for programs of this kind; else it is ended. */
  #take(slot: Slot, kind: string | undefined): Started | undefined {
    clearTimeout(slot.idle)
    const { waiting } = slot
    slot.waiting = undefined
    if (!waiting?.box.alive) return undefined
    if (waiting.kind === kind) return waiting.box
    waiting.box.end()
    return undefined
  }

  #rest(slot: Slot): void {
    this.#take(slot, undefined)
    for (const turn of slot.turns) turn.launcher?.end()
  }

  #runReady(box: Started, { files }: Prepared, options: RunOptions): Promise<Execution> {
    return box.run({ ...options, file: [...files.values()][0] })
  }

  /** Where walls that waited did not stand, launching is given up, and the program is started as the first was. */
  #without(error: unknown, spawn: () => Promise<Execution>): Promise<Execution> {
    if (!QtError.isInstance(error) || error.code !== 'SANDBOX_FAILED') throw error
    this.#launches = false
    return spawn()
  }

  #nextTurn(slot: Slot): Turn {
    slot.turn = slot.turn === 0 ? 1 : 0
    return slot.turns[slot.turn]
  }

  #spawn(slot: Slot, program: Prepared, input: boolean): Started {
    const group = this.#confinement.mechanism.kind === 'none'
    const box = spawned(this.#confinement.prepare(program), { input, user: this.#nextTurn(slot).user, group })
    return started(box, program.limits, !group)
  }

  #startAhead(slot: Slot, { kind, program }: { readonly kind: string; readonly program: Prepared }): Slot['waiting'] {
    const { ahead } = this.#confinement
    if (!ahead) return undefined
    const turn = this.#nextTurn(slot)
    try {
      if (!turn.launcher?.alive) turn.launcher = new Launcher(ahead.filter, turn.user)
      return { kind, box: started(turn.launcher.start(ahead.command(program)), program.limits, true) }
    } catch {
      // Programs are then started as the first was, and say what is wrong when that fails too.
      this.#launches = false
      return undefined
    }
  }
}

/** Everything that walls depend on; undefined where they cannot wait: for other files, or for input. */
function kindOf({ command, files, env, limits }: Prepared, { stdin }: RunOptions): string | undefined {
  if (files.size !== 1 || stdin !== undefined) return undefined
  return JSON.stringify([command, [...files.keys()], env, limits])
}
