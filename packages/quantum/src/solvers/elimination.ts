import { breathe } from '../breathe.js'
import { adjacencyOf, type QuadraticModel, type Solution } from '../quadratic.js'

/**
 * Variables in the order of fewest neighbours, those of an eliminated one becoming neighbours of each other; the most neighbours
 * that one had; and how many states of neighbours there are in all, which is the work and the memory of eliminating them. Gives up, with a width above `most`, once one has more than that or `effort` pairs have become neighbours.
 */
export function eliminationOrder(
  model: QuadraticModel,
  most: number,
  effort = Number.POSITIVE_INFINITY,
): { order: Uint32Array; width: number; states: number } {
  const { offsets, neighbours } = adjacencyOf(model)
  const sets = Array.from({ length: model.size }, (_, i) => new Set(neighbours.subarray(offsets[i]!, offsets[i + 1]!)))
  const order = new Uint32Array(model.size)
  // Variables by degree; entries that are out of date are skipped.
  const buckets: number[][] = Array.from({ length: most + 1 }, () => [])
  const gone = new Uint8Array(model.size)
  const file = (i: number) => buckets[sets[i]!.size]?.push(i)
  for (let i = 0; i < model.size; i++) file(i)
  let [width, pairs, states] = [0, 0, 0]
  for (let k = 0; k < model.size; k++) {
    let next = -1
    for (let degree = 0; next < 0 && degree <= most; degree++)
      for (let i = buckets[degree]!.pop(); i !== undefined; i = buckets[degree]!.pop())
        if (gone[i] === 0 && sets[i]!.size === degree) {
          next = i
          break
        }
    if (next < 0 || pairs > effort) {
      for (let i = 0; i < model.size; i++) if (gone[i] === 0) width = Math.max(width, sets[i]!.size)
      return { order: order.subarray(0, k), width: Math.max(width, most + 1), states: Number.POSITIVE_INFINITY }
    }
    gone[next] = 1
    order[k] = next
    const around = [...sets[next]!]
    width = Math.max(width, around.length)
    states += 2 ** around.length
    pairs += (around.length * (around.length - 1)) / 2
    for (const [at, i] of around.entries()) {
      sets[i]!.delete(next)
      for (const j of around.slice(at + 1)) {
        sets[i]!.add(j)
        sets[j]!.add(i)
      }
    }
    for (const i of around) file(i)
  }
  return { order, width, states }
}

/** A function of some bits: its values by the number that the bits form, the first one lowest. */
interface Factor {
  readonly scope: readonly number[]
  readonly table: Float64Array
}

/**
 * Dynamic programming: minimises over one variable after the other and walks back. Takes time and memory of 2^width. Undefined when
 * `ended` said so before it was done.
 */
export async function eliminateAll(
  model: QuadraticModel,
  order: Uint32Array,
  ended: () => boolean,
): Promise<Solution | undefined> {
  const place = new Uint32Array(model.size)
  order.forEach((variable, k) => {
    place[variable] = k
  })
  // Each factor waits at the first of its variables that is eliminated.
  const waiting: Factor[][] = Array.from({ length: model.size }, () => [])
  const file = (factor: Factor) => waiting[factor.scope.reduce((a, b) => (place[a]! < place[b]! ? a : b))]!.push(factor)
  for (let k = 0; k < model.values.length; k++)
    file({ scope: [model.rows[k]!, model.columns[k]!], table: Float64Array.of(0, 0, 0, model.values[k]!) })
  const decisions: { variable: number; scope: readonly number[]; choice: Uint8Array }[] = []
  for (const variable of order) {
    const factors = waiting[variable]!
    const scope = [...new Set(factors.flatMap((factor) => factor.scope))].filter((other) => other !== variable)
    const count = 2 ** scope.length
    const zero = new Float64Array(count)
    const one = new Float64Array(count).fill(model.linear[variable]!)
    for (const factor of factors) {
      addFactor(factor, variable, scope, zero, one)
      await breathe()
      if (ended()) return undefined
    }
    // A bit for each state: these are kept for every variable.
    const choice = new Uint8Array(Math.ceil(count / 8))
    for (let state = 0; state < count; state++)
      if (one[state]! < zero[state]!) {
        choice[state >> 3]! |= 1 << (state & 7)
        zero[state] = one[state]!
      }
    decisions.push({ variable, scope, choice })
    waiting[variable] = []
    if (scope.length > 0) file({ scope, table: zero })
  }
  const solution = new Uint8Array(model.size)
  for (const { variable, scope, choice } of decisions.reverse()) {
    const state = scope.reduce((sum, other, k) => sum + solution[other]! * 2 ** k, 0)
    solution[variable] = (choice[state >> 3]! >> (state & 7)) & 1
  }
  return solution
}

/** Adds a factor to the tables of its variable being 0 and being 1, over the wider scope. */
function addFactor(
  { scope, table }: Factor,
  variable: number,
  wider: readonly number[],
  zero: Float64Array,
  one: Float64Array,
): void {
  const own = 2 ** scope.indexOf(variable)
  const steps = wider.map((other) => {
    const at = scope.indexOf(other)
    return at < 0 ? 0 : 2 ** at
  })
  // Counting through the states flips the lowest bits; the index of the factor follows by differences.
  let index = 0
  for (let state = 0; ; ) {
    zero[state]! += table[index]!
    one[state]! += table[index + own]!
    if (++state === zero.length) return
    const flipped = state & -state
    for (let k = 0, bit = 1; bit <= flipped; k++, bit *= 2) index += bit === flipped ? steps[k]! : -steps[k]!
  }
}
