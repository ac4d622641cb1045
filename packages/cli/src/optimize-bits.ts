import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TensorType } from '@qt/core'
import type { PlanningProblem, PlanUnderOptions, SizePlan } from '@qt/quantize'
import type { ChoiceProblem, DecideOptions, Decision } from '@qt/quantum/decisions'
import type { Way } from './judge-ways.js'
import { need } from './need.js'
import type { MeasuringRows } from './variant-rows.js'
import { distributionsOf, type VariantOptions, withModel } from './variants.js'

export interface BitsDecision {
  readonly plan: SizePlan
  readonly decision: Decision
  /** The first is taken. */
  readonly ways: readonly Way[]
}

/** How each tensor as each type changes what a model says. */
export type Sketches = (tensor: string, type: string) => Float32Array | undefined

export interface BitsInput extends Pick<PlanUnderOptions, 'bytes' | 'types' | 'importance'> {
  readonly input: string
  /** For files that live for a moment. */
  readonly folder: string
  readonly decide: DecideOptions
  readonly options: VariantOptions
  /** Left out: costs are errors of weights, each tensor's counting what is usual as for `qt quantize --max-size`, and nothing depends on pairs. */
  readonly rows?: MeasuringRows['measured'] | undefined
  /** What was measured for one size holds for the others; by what was asked. */
  readonly measured: Map<string, Sketches>
  readonly onProgress: (text: string) => void
}

/** Measures each tensor as each type (what the model then says, or what its weights lose), and decides in every way. */
export async function decideBits(given: BitsInput): Promise<BitsDecision> {
  const { input, rows, onProgress, options } = given
  const { planExactly, planUnder, quantize } = await need('@qt/quantize', () => import('@qt/quantize'))
  const { bitsProblem, decide, objectiveOf } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
  let made: { decision: Decision; ways: Way[] } | undefined
  const plan = await planUnder(input, {
    bytes: given.bytes,
    types: given.types,
    importance: given.importance,
    signal: options.signal,
    onTensor: (name, done, total) => onProgress(`errors of weights  ${done}/${total} tensors  ${name}`),
    async planner(problem) {
      const byWeights = planExactly(problem)
      if (byWeights === undefined) return undefined
      const choices = rows ? bitsProblem(problem, { sketch: await sketches(problem, rows, given) }) : withoutPairs(problem)
      const decision = await decide(choices, given.decide)
      const way = (name: string, choice: readonly number[]): Way => {
        const types = new Map(problem.tensors.map((tensor, i) => [tensor.name, tensor.options[choice[i]!]!.type]))
        return {
          name,
          predicted: objectiveOf(choices, choice),
          key: [...types.values()].join(' '),
          async write(path) {
            const { importance } = given
            return (await quantize(input, path, { types, importance, sync: false, signal: options.signal })).fileBytes
          },
        }
      }
      // The knapsack without pairs, exactly.
      const alone = planExactly({ ...problem, tensors: withCosts(problem, choices) }) ?? byWeights
      const qubo = decision.outcomes.find(({ method }) => method === 'qubo')!
      const greedy = decision.outcomes.find(({ method }) => method === 'greedy')!
      const taken = rows ? decision.best.choice : alone
      made = {
        decision,
        ways: [
          way('taken', taken),
          way('qubo', qubo.choice),
          way('greedy', greedy.choice),
          way('exact without pairs', alone),
          ...(rows ? [way('by errors of weights', byWeights)] : []),
        ],
      }
      return taken
    },
  })
  return { plan, ...made! }
}

/** How each tensor as each type changes what the model says on the rows. */
async function sketches(
  problem: PlanningProblem,
  rows: readonly Uint32Array[],
  { input, folder, importance, options, measured, onProgress }: BitsInput,
): Promise<Sketches> {
  const asked = JSON.stringify(problem.tensors.map(({ name, options: all }) => [name, ...all.map(({ type }) => type)]))
  const known = measured.get(asked)
  if (known) return known
  const { quantize } = await need('@qt/quantize', () => import('@qt/quantize'))
  const { measureBits } = await need('@qt/quantum', () => import('@qt/quantum/decisions'))
  const { signal } = options
  const original = await withModel(input, options, async ({ scoring }) => ({
    before: await distributionsOf(scoring, rows, signal),
    vocabulary: scoring.vocabularySize,
  }))
  const own = new Map(problem.tensors.map(({ name, options: all }) => [name, all.find(({ cost }) => cost === 0)?.type]))
  const started = performance.now()
  const found = await measureBits(problem, {
    ...original,
    signal,
    onMeasured(done, total, tensor, type) {
      const left = ((performance.now() - started) / 1000 / done) * (total - done)
      onProgress(`measuring  ${done}/${total}  ${tensor} as ${type}  about ${Math.round(left)} s left`)
    },
    async after(tensor, type) {
      if (own.get(tensor) === type) return undefined
      const path = join(folder, `${randomUUID()}.gguf`)
      try {
        const types = new Map([[tensor, typeOf(problem, tensor, type)]])
        await quantize(input, path, { types, importance, sync: false, signal })
        return await withModel(path, options, ({ scoring }) => distributionsOf(scoring, rows, signal))
      } finally {
        await rm(path, { force: true })
      }
    },
  })
  measured.set(asked, found)
  return found
}

const typeOf = ({ tensors }: PlanningProblem, tensor: string, type: string): TensorType =>
  tensors.find(({ name }) => name === tensor)!.options.find((option) => option.type === type)!.type

const withoutPairs = ({ tensors, budget }: PlanningProblem): ChoiceProblem => ({
  groups: tensors.map(({ name, options }) => ({
    name,
    options: options.map(({ type, bytes, cost }) => ({ name: type, weight: bytes, cost })),
  })),
  pairs: [],
  budget,
})

const withCosts = ({ tensors }: PlanningProblem, { groups }: ChoiceProblem) =>
  tensors.map(({ name, options }, t) => ({
    name,
    options: options.map((option, o) => ({ ...option, cost: groups[t]!.options[o]!.cost })),
  }))
