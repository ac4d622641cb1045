import type { Execution } from '@qt/core'
import { type RunOptions, type Started, start } from './launch.js'
import type { Confinement, Prepared } from './mechanism.js'

interface Slot {
  /** What the last program was like, but for the text of its file. */
  last?: string | undefined
  waiting?: { readonly kind: string; readonly box: Started } | undefined
  idle?: NodeJS.Timeout | undefined
  turn: number
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

  /** Boxes of a slot become `firstUser + 2 · slot` and the one after it in turn: one runs, one waits. */
  constructor(confinement: Confinement, firstUser: number | undefined) {
    this.#confinement = confinement
    this.#firstUser = firstUser
  }

  async run(at: number, program: Prepared, options: RunOptions): Promise<Execution> {
    options.signal?.throwIfAborted()
    this.#slots[at] ??= { turn: 0 }
    const slot = this.#slots[at]
    const kind = this.#confinement.prepareAhead ? kindOf(program, options) : undefined
    const ready = this.#take(slot, kind)
    const running = (ready ?? this.#start(at, program, options.stdin !== undefined)).run({
      ...options,
      ...(ready ? { file: [...program.files.values()][0] } : {}),
    })
    if (kind !== undefined && kind === slot.last) slot.waiting = this.#startAhead(at, { kind, program })
    slot.last = kind
    try {
      return await running
    } finally {
      if (slot.waiting) slot.idle = setTimeout(() => this.#take(slot, undefined), patience).unref()
    }
  }

  /** Ends what waits. */
  end(): void {
    for (const slot of this.#slots) if (slot) this.#take(slot, undefined)
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

  #start(at: number, program: Prepared, input: boolean): Started {
    return start(this.#confinement.prepare(program), { limits: program.limits, input, ...this.#walls(at) })
  }

  /** Undefined when it cannot be started now: the next program is then told why. */
  #startAhead(at: number, { kind, program }: { readonly kind: string; readonly program: Prepared }): Slot['waiting'] {
    try {
      const box = start(this.#confinement.prepareAhead!(program), { limits: program.limits, input: false, ...this.#walls(at) })
      box.release()
      return { kind, box }
    } catch {
      return undefined
    }
  }

  #walls(at: number) {
    const slot = this.#slots[at]!
    slot.turn = 1 - slot.turn
    return {
      user: this.#firstUser === undefined ? undefined : this.#firstUser + 2 * at + slot.turn,
      group: this.#confinement.mechanism.kind === 'none',
    }
  }
}

/** Everything that walls depend on; undefined where they cannot wait: for other files, or for input. */
function kindOf({ command, files, env, limits }: Prepared, { stdin }: RunOptions): string | undefined {
  if (files.size !== 1 || stdin !== undefined) return undefined
  return JSON.stringify([command, [...files.keys()], env, limits])
}
