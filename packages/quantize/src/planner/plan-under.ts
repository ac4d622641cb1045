import { rowBytes, type TensorType, usageError } from '@qt/core'
import { readWholeGguf } from '@qt/weights'
import { buildPlan } from '../build-plan.js'
import { typeForRows } from '../fallback.js'
import { type Importance, importanceWeights, selectImportance } from '../importance/importance.js'
import { isQuantised } from '../mixture/quantised.js'
import type { PlanOptions } from '../plan-options.js'
import { prune } from '../prune.js'
import { quantMethods } from '../registry.js'
import { requiresImportance } from '../requires-importance.js'
import { mostCommon } from '../under.js'
import { planExactly } from './exact.js'
import { type FixedTypes, fixedTypes } from './fixed.js'
import { type FrontierPoint, frontierOf } from './frontier.js'
import type { Planner, TypeOption } from './problem.js'
import { relativeErrors } from './sensitivity.js'
import { usualWeights } from './usual-weights.js'

export interface PlanUnderOptions
  extends FixedTypes,
    Pick<PlanOptions, 'includeWeights' | 'excludeWeights' | 'pruneLayers' | 'metadata' | 'keepSplit'> {
  /** The most that the file may take. */
  readonly bytes: number
  readonly importance?: Importance | undefined
  /** The types to choose among. */
  readonly types?: readonly TensorType[] | undefined
  /** How much the relative error of a tensor of the source counts beside that of others (`divergenceWeights`); left out: what is usual. */
  readonly weightOf?: ((tensor: string) => number) | undefined
  /** Another way to choose, for costs that are no sums. */
  readonly planner?: Planner | undefined
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: ((name: string, done: number, total: number) => void) | undefined
}

export interface SizePlan {
  /** For `quantize(…, { types })`. */
  readonly types: ReadonlyMap<string, TensorType>
  readonly fileBytes: number
  /** The sum of the tensors' relative errors, weighed. */
  readonly cost: number
  /** What was measured, by tensor. */
  readonly options: ReadonlyMap<string, readonly TypeOption[]>
  /** What files of other sizes would lose at best, smallest first. */
  readonly frontier: readonly FrontierPoint[]
}

const usual: readonly TensorType[] = ['F16', 'Q8_0', 'Q6_K', 'Q5_K', 'Q4_K', 'IQ4_XS', 'Q3_K', 'IQ3_S', 'Q2_K', 'IQ2_S', 'IQ2_XS']

/**
 * The best type for every tensor so that the file fits: measures what each tensor loses as each type, and chooses exactly.
 *
 * @example
 * ```ts
 * const { types } = await planUnder('model-f16.gguf', { bytes: 1.2e9 })
 * await quantize('model-f16.gguf', 'small.gguf', { types })
 * ```
 */
export async function planUnder(input: string, options: PlanUnderOptions): Promise<SizePlan> {
  const source = await readWholeGguf(input)
  const { types: _, planner, weightOf = usualWeights(source), ...plan } = options
  const tensors = prune([...source.tensors.values()], source.metadata, plan.pruneLayers ?? []).tensors.filter(isQuantised)
  const importance = plan.importance && selectImportance(plan.importance, plan.includeWeights, plan.excludeWeights)
  const fixed = fixedTypes(plan, !source.tensors.has('output.weight'))
  const types = (options.types ?? usual).filter((type) => quantMethods.some((method) => method.type === type))
  const measured = new Map<string, TypeOption[]>()
  for (const [i, tensor] of tensors.entries()) {
    options.signal?.throwIfAborted()
    const { name, shape, type: own, bytes } = tensor
    const entry = importance?.entries.get(tensor.source)
    const columns = shape.at(-1)!
    const matrices = shape.slice(0, -2).reduce((product, size) => product * size, 1)
    // llama.cpp counts the inputs of the embedding otherwise.
    const weights = entry && entry.sums.length === matrices * columns ? importanceWeights(entry) : undefined
    const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
    const asked = fixed(tensor)
    const possible = types
      .map((type) => typeForRows(type, columns))
      .filter((type) => weights || !requiresImportance(name, type, 'Q2_K'))
    const distinct = [...new Set(asked ? [asked] : possible)].filter((type) => type !== own)
    const errors = await relativeErrors(source, tensor.source, distinct, weights)
    const factor = weightOf(tensor.source)
    const others = distinct.map((type, k) => {
      const row = rowBytes(type, columns)
      if (row === undefined) throw wholeBlocks(name, type, columns, input)
      return { type, bytes: aligned(rows * row), cost: factor * errors[k]! }
    })
    measured.set(name, [...(asked && asked !== own ? [] : [{ type: own, bytes: aligned(bytes), cost: 0 }]), ...others])
    options.onTensor?.(name, i + 1, tensors.length)
  }
  // Everything else of the file: the header, norms and biases.
  const sizeOf = (chosen: ReadonlyMap<string, TensorType>) =>
    buildPlan(source, input, mostCommon(chosen), { ...plan, types: chosen }).fileBytes
  const smallest = new Map([...measured].map(([name, all]) => [name, all.reduce((a, b) => (b.bytes < a.bytes ? b : a)).type]))
  const least = sizeOf(smallest)
  const rest = least - [...measured.values()].reduce((sum, all) => sum + Math.min(...all.map(({ bytes }) => bytes)), 0)
  const problem = {
    tensors: [...measured].map(([name, all]) => ({ name, options: all })),
    budget: options.bytes - rest,
  }
  const choice = await (planner ?? planExactly)(problem)
  const picked = choice === undefined ? undefined : problem.tensors.map(({ options: all }, i) => all[choice[i]!]!)
  const chosen = picked ? new Map(problem.tensors.map(({ name }, i) => [name, picked[i]!.type])) : smallest
  const fileBytes = sizeOf(chosen)
  if (fileBytes > options.bytes)
    throw usageError(
      'QUANT_SIZE',
      `No choice of types makes this file as small as ${options.bytes} bytes; the smallest reachable size is ${least}.`,
      {
        where: { file: input },
        actions: [`Allow ${least} bytes.`, 'Begin with a smaller model.'],
      },
    )
  const cost = [...chosen].reduce(
    (sum, [name, type]) => sum + measured.get(name)!.find((option) => option.type === type)!.cost,
    0,
  )
  const frontier = frontierOf(problem.tensors).map((point) => ({ ...point, bytes: point.bytes + rest }))
  return { types: chosen, fileBytes, cost, options: measured, frontier }
}

const wholeBlocks = (name: string, type: TensorType, columns: number, file: string) =>
  usageError('QUANT_ROW', `Rows of ${columns} columns of ${name} do not divide into blocks of ${type}.`, {
    where: { file, field: name },
    actions: ['Choose another type for this tensor.'],
  })

/** What a tensor takes with the zeros after it. */
const aligned = (bytes: number): number => Math.ceil(bytes / 32) * 32
