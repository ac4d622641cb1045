import { hullOf, stepsOf } from './hull.js'
import type { PlanningProblem } from './problem.js'

/** Choices for the tensors up to some one: what they take and cost, and the way back to them. */
interface State {
  readonly bytes: number
  readonly cost: number
  readonly option: number
  readonly before: State | undefined
}

/**
 * The best choice, exactly: dynamic programming over tensors that keeps the states no other beats in both bytes and cost (a
 * multiple-choice knapsack). At the price per byte of the relaxed problem every option has a reduced cost; what lies further
 * above the least than the gap to a known choice cannot belong to a better one, and is left out.
 */
export function planExactly({ tensors, budget }: PlanningProblem): number[] | undefined {
  const hulls = tensors.map(({ options }) => hullOf(options))
  const chosen = hulls.map((hull) => hull[0]!)
  const at = (tensor: number, option: number) => tensors[tensor]!.options[option]!
  let bytes = chosen.reduce((sum, option, tensor) => sum + at(tensor, option).bytes, 0)
  if (bytes > budget) return undefined

  // A good choice (all steps that fit, best first) and the price of a byte (the slope of the first that does not).
  let price: number | undefined
  const blocked = new Set<number>()
  for (const step of stepsOf(tensors, hulls)) {
    if (blocked.has(step.tensor)) continue
    if (bytes + step.bytes > budget) {
      price ??= step.slope
      blocked.add(step.tensor)
      continue
    }
    bytes += step.bytes
    chosen[step.tensor] = step.option
  }
  if (price === undefined) return chosen
  const unit = price
  const known = chosen.reduce((sum, option, tensor) => sum + at(tensor, option).cost, 0)
  const reduced = (tensor: number, option: number) => at(tensor, option).cost + unit * at(tensor, option).bytes
  const least = tensors.map(({ options }, tensor) => Math.min(...options.map((_, option) => reduced(tensor, option))))
  const gap = (known - (least.reduce((sum, value) => sum + value, 0) - unit * budget)) * (1 + 1e-9) + 1e-12 * known

  const smallest = tensors.map(({ options }) => Math.min(...options.map((option) => option.bytes)))
  let room = budget - smallest.reduce((sum, value) => sum + value, 0)
  let states: State[] = [{ bytes: 0, cost: 0, option: -1, before: undefined }]
  let floor = 0
  for (const [tensor, { options }] of tensors.entries()) {
    floor += least[tensor]!
    room += smallest[tensor]!
    const next: State[] = []
    for (const [option, { bytes, cost }] of options.entries()) {
      if (reduced(tensor, option) - least[tensor]! > gap) continue
      for (const before of states) {
        const state = { bytes: before.bytes + bytes, cost: before.cost + cost, option, before }
        if (state.bytes <= room && state.cost + unit * state.bytes - floor <= gap) next.push(state)
      }
    }
    states = undominated(next)
  }
  const best = states.at(-1)
  if (best === undefined || best.cost >= known) return chosen
  const back: number[] = []
  for (let state: State | undefined = best; state?.before; state = state.before) back.push(state.option)
  return back.reverse()
}

/** Those that no other beats, by bytes; the last costs least. */
function undominated(states: State[]): State[] {
  states.sort((a, b) => a.bytes - b.bytes || a.cost - b.cost)
  const kept: State[] = []
  for (const state of states) if (kept.length === 0 || state.cost < kept.at(-1)!.cost) kept.push(state)
  return kept
}
