import { type ChoicePair, type ChoiceProblem, invalid } from './choice-problem.js'
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
  /** 2, 4, 8, 16 and 32 unless given; no adapter is always possible, a rank above the sides of a matrix never. */
  readonly ranks?: readonly number[] | undefined
  readonly overlaps?: readonly Overlap[] | undefined
}

export interface AdapterPlacement {
  /** By site; those without an adapter are left out. */
  readonly ranks: ReadonlyMap<string, number>
  readonly parameters: number
  readonly decision: Decision
}

/** No adapter, then the ranks that the matrix can have. */
const ranksOf = ({ inputs, outputs }: AdapterSite, ranks: readonly number[] = [2, 4, 8, 16, 32]): number[] =>
  [...new Set([0, ...ranks])].filter((rank) => rank <= Math.min(inputs, outputs)).sort((a, b) => a - b)

/** A rank gains the squared singular values that it covers and takes rank · (inputs + outputs) parameters. */
export function placementProblem(sites: readonly AdapterSite[], options: PlaceOptions): ChoiceProblem {
  for (const rank of options.ranks ?? [])
    if (!(Number.isInteger(rank) && rank >= 0)) throw invalid(`the rank ${rank} is no whole number from 0 on`)
  const gain = ({ gains }: AdapterSite, rank: number) => gains.slice(0, rank).reduce((sum, value) => sum + value, 0)
  const groups = sites.map((site) => ({
    name: site.name,
    options: ranksOf(site, options.ranks).map((rank) => ({
      name: `rank ${rank}`,
      weight: rank * (site.inputs + site.outputs),
      cost: -gain(site, rank),
    })),
  }))
  const place = new Map(sites.map(({ name }, i) => [name, i]))
  if (place.size < sites.length) throw invalid('two matrices have the same name')
  const placeOf = (name: string): number => {
    const found = place.get(name)
    if (found === undefined) throw invalid(`an overlap names "${name}", which is none of the matrices`)
    return found
  }
  const pairs = (options.overlaps ?? []).flatMap(({ between: [one, other], share }) => {
    const [i, j] = [placeOf(one), placeOf(other)]
    if (i === j) throw invalid(`an overlap is between "${one}" and itself`)
    return ranksOf(sites[i]!, options.ranks).flatMap((a, o) =>
      ranksOf(sites[j]!, options.ranks).flatMap((b, p): ChoicePair[] =>
        a === 0 || b === 0 ? [] : [[i, o, j, p, share * Math.min(gain(sites[i]!, a), gain(sites[j]!, b))]],
      ),
    )
  })
  return { groups, pairs, budget: options.parameters }
}

/** What a choice of `placementProblem` says: ranks by site; those without an adapter are left out. */
export const placementRanks = (
  sites: readonly AdapterSite[],
  choice: readonly number[],
  ranks?: readonly number[],
): ReadonlyMap<string, number> =>
  new Map(
    sites.flatMap((site, i): [string, number][] => {
      const rank = ranksOf(site, ranks)[choice[i]!]!
      return rank === 0 ? [] : [[site.name, rank]]
    }),
  )

/**
 * Which matrices get an adapter, and of which rank, under a budget of parameters.
 *
 * @example
 * ```ts
 * import { placeAdapters } from '@qt/quantum/decisions'
 *
 * const site = (name: string, ...gains: number[]) => ({ name, inputs: 64, outputs: 64, gains })
 * const { ranks } = await placeAdapters([site('q', 4, 1), site('v', 9, 5)], { parameters: 256, ranks: [1, 2], time: 0.1 })
 * ranks // Map { 'v' → 2 }
 * ```
 */
export async function placeAdapters(sites: readonly AdapterSite[], options: PlaceOptions): Promise<AdapterPlacement> {
  const decision = await decide(placementProblem(sites, options), options)
  const { choice, weight } = decision.best
  return { ranks: placementRanks(sites, choice, options.ranks), parameters: weight, decision }
}
