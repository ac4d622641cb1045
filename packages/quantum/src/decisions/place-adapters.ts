import type { ChoicePair, ChoiceProblem } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

/** A matrix that may get an adapter. */
export interface AdapterSite {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  /** Squared singular values of its gradient, the largest first: what a step along so many directions can gain. */
  readonly gains: readonly number[]
}

/** Two sites whose gains are partly the same: the share of the smaller one's that is lost when both are adapted. */
export interface Overlap {
  readonly between: readonly [string, string]
  readonly share: number
}

export interface PlaceOptions extends DecideOptions {
  /** The most trainable parameters. */
  readonly parameters: number
  /** 0 is no adapter; 0, 2, 4, 8, 16 and 32 unless given. */
  readonly ranks?: readonly number[] | undefined
  readonly overlaps?: readonly Overlap[] | undefined
}

export interface AdapterPlacement {
  /** By site; those without an adapter are left out. */
  readonly ranks: ReadonlyMap<string, number>
  readonly parameters: number
  readonly decision: Decision
}

/** A rank gains the squared singular values that it covers and takes rank · (inputs + outputs) parameters. */
export function placementProblem(sites: readonly AdapterSite[], options: PlaceOptions): ChoiceProblem {
  const ranks = [...new Set([0, ...(options.ranks ?? [2, 4, 8, 16, 32])])].sort((a, b) => a - b)
  const gain = ({ gains }: AdapterSite, rank: number) => gains.slice(0, rank).reduce((sum, value) => sum + value, 0)
  const groups = sites.map((site) => ({
    name: site.name,
    options: ranks.map((rank) => ({
      name: `rank ${rank}`,
      weight: rank * (site.inputs + site.outputs),
      cost: -gain(site, rank),
    })),
  }))
  const place = new Map(sites.map(({ name }, i) => [name, i]))
  const pairs = (options.overlaps ?? []).flatMap(({ between: [one, other], share }): ChoicePair[] => {
    const [i, j] = [place.get(one) ?? -1, place.get(other) ?? -1]
    return ranks.flatMap((a, o) =>
      ranks.flatMap((b, p): ChoicePair[] =>
        a === 0 || b === 0 ? [] : [[i, o, j, p, share * Math.min(gain(sites[i]!, a), gain(sites[j]!, b))]],
      ),
    )
  })
  return { groups, pairs, budget: options.parameters }
}

/** Which matrices get an adapter, and of which rank, under a budget of parameters. */
export async function placeAdapters(sites: readonly AdapterSite[], options: PlaceOptions): Promise<AdapterPlacement> {
  const problem = placementProblem(sites, options)
  const decision = await decide(problem, options)
  const { choice, weight } = decision.best
  const ranks = new Map(
    problem.groups.flatMap(({ name, options: all }, i): [string, number][] =>
      choice[i] === 0 ? [] : [[name, Number(all[choice[i]!]!.name.slice(5))]],
    ),
  )
  return { ranks, parameters: weight, decision }
}
