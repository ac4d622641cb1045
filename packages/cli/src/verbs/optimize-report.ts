import type { Decision } from '@qt/quantum/decisions'
import type { Flags } from '../args/verb.js'
import type { Io } from '../io.js'
import { numbers } from '../print/units.js'

/** Flags of every `qt optimize`. */
export const decisionFlags = {
  time: { type: 'number', value: 'SECONDS', description: 'What the QUBO, local search and random choice get each; left out: 2.' },
  seed: { type: 'number', value: 'N', description: 'Left out: 1.' },
  solver: { type: 'text', value: 'S', description: 'Of the QUBO: as of qt solve; left out: auto.' },
  'qubo-size-limit': { type: 'number', value: 'N', description: 'The most bits at once; larger QUBOs are solved in pieces.' },
} as const satisfies Flags

/** How every way of deciding did, with the same budget. */
export function printDecision(io: Io, { outcomes, best, groups, options, pairs, bits, verdict }: Decision): void {
  io.out(`${groups} decisions, ${options} options, ${pairs} pairs that depend on each other; ${bits} bits.\n\n`)
  io.out(
    numbers([
      ['', 'objective', 'budget used', 'seconds'],
      ...outcomes.map(({ method, objective, weight, seconds }) => [
        method === best.method ? `${method} *` : method,
        objective.toPrecision(6),
        weight.toFixed(0),
        seconds.toFixed(3),
      ]),
    ]),
  )
  io.out(`\n* taken. ${verdict}\n`)
}

/** The decision as a document, without the choices of every way. */
export const decisionDocument = ({ outcomes, best, ...rest }: Decision) => ({
  ...rest,
  method: best.method,
  outcomes: outcomes.map(({ choice: _, ...outcome }) => outcome),
})
