import { usageError } from '@qt/core'
import type { FloatType } from '../blocks/encode.js'
import type { RowChange } from '../convert/tensor-stream.js'
import { defaultType, type WriteProgress, type WrittenModel, writeModel } from '../convert/write-model.js'
import { requireOther } from '../io/require-other.js'
import type { Combine, Scan } from './combine.js'
import { combinerOf, orderedInputs } from './combine-tensor.js'
import { type OutputTensor, outputModel } from './output-model.js'
import { type MergeRecipe, type ModelReference, type ReadRecipe, readRecipe } from './recipe.js'
import { type MergeSource, openMergeSource, readRows, requireAlike, tensorOf } from './source.js'

export interface MergeModelsOptions {
  /** A path that ends in `.gguf`, or a folder. */
  readonly out: string
  /** Left out: the recipe's `out_dtype` or `dtype`, else the type of the first model. */
  readonly type?: FloatType | undefined
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface MergeModelsReport extends WrittenModel {
  readonly method: MergeRecipe['merge_method']
  readonly models: readonly string[]
  readonly layers: number
}

const types = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const

/** Numbers of each input held at once. */
const stretch = 2 ** 20

/**
 * Merges models as a recipe in mergekit's form says: linear, slerp, task_arithmetic, ties, dare_linear, dare_ties, passthrough.
 * A few rows of one tensor are in memory at a time.
 *
 * @example
 * ```ts
 * const models = [{ model: 'base/+adapter/', parameters: { weight: 1, density: 0.5 } }]
 * const report = await mergeModels({ merge_method: 'ties', base_model: 'base/', models }, { out: 'merged-models/' })
 * report.tensors // 21
 * ```
 */
export async function mergeModels(recipe: MergeRecipe, options: MergeModelsOptions): Promise<MergeModelsReport> {
  const { out, signal } = options
  const read = readRecipe(recipe)
  const sources = await openAll(read, out, signal)
  const sourceOf = (reference: ModelReference) => sources.get(keyOf(reference))!
  const donor = sourceOf(read.donor).model
  for (const { model } of sources.values()) requireAlike(donor, model)
  const { model, tensors } = outputModel(read, donor, (reference) => sourceOf(reference).model)
  for (const { job } of tensors.values()) orderedInputs(job)
  const type = options.type ?? (read.dtype === undefined ? defaultType(model, out) : types[read.dtype])
  const written = await writeModel(model, out, {
    type,
    onProgress: options.onProgress,
    signal,
    change: (name) => changeOf(tensors.get(name)!, sourceOf, signal),
  })
  return { ...written, method: read.method, models: [...sources.keys()], layers: model.spec.layers }
}

const keyOf = ({ path, adapter }: ModelReference): string => (adapter === undefined ? path : `${path}+${adapter}`)

async function openAll(recipe: ReadRecipe, out: string, signal: AbortSignal | undefined): Promise<Map<string, MergeSource>> {
  const sources = new Map<string, MergeSource>()
  const named = recipe.slices.flatMap(({ sources, base }) => [...sources.map(({ model }) => model), ...(base ? [base] : [])])
  for (const reference of named) {
    if (sources.has(keyOf(reference))) continue
    await requireOther(reference.path, out)
    sources.set(keyOf(reference), await openMergeSource(reference, signal))
  }
  return sources
}

/** Replaces the rows of the first input, as they are read to be written, by what is made of all inputs. */
function changeOf(
  { job, names }: OutputTensor,
  sourceOf: (reference: ModelReference) => MergeSource,
  signal: AbortSignal | undefined,
): RowChange | undefined {
  const ordered = orderedInputs(job)
  const parts = ordered.map((input) => ({ source: sourceOf(input.model), tensor: names[job.inputs.indexOf(input)]! }))
  const info = tensorOf(parts[0]!.source, parts[0]!.tensor)
  const columns = info.shape.at(-1)!
  const rows = info.shape.slice(0, -1).reduce((product, size) => product * size, 1)
  for (const { source, tensor } of parts) {
    const { shape, file } = tensorOf(source, tensor)
    if (shape.join() !== info.shape.join())
      throw usageError(
        'MERGE_MISMATCH',
        `${tensor} is [${shape.join(', ')}] here and [${info.shape.join(', ')}] in another model.`,
        {
          where: { file, field: tensor },
          actions: ['Merge models that were tuned from the same base.'],
        },
      )
  }
  const read = (row: number, count: number) =>
    Promise.all(parts.map(({ source, tensor }) => readRows(source, tensor, row, count)))
  const scan: Scan = async function* () {
    const step = Math.max(1, Math.floor(stretch / columns))
    for (let row = 0; row < rows; row += step) {
      signal?.throwIfAborted()
      yield { inputs: await read(row, Math.min(step, rows - row)), first: row * columns }
    }
  }
  // A tensor that is only passed on is copied as it lies.
  if (
    parts.length === 1 &&
    parts[0]!.source.change(parts[0]!.tensor) === undefined &&
    job.recipe.method === 'passthrough' &&
    !scaled(job)
  )
    return undefined
  let combine: Promise<Combine | undefined> | undefined
  return async (values, firstRow) => {
    signal?.throwIfAborted()
    combine ??= combinerOf(job, scan)
    const made = await combine
    const inputs = await read(firstRow, values.length / columns)
    values.set(made ? made(inputs, firstRow * columns) : inputs[0]!)
  }
}

const scaled = ({ inputs, shared }: OutputTensor['job']): boolean =>
  [...inputs.map(({ parameters }) => parameters), ...shared].some((place) => place?.scale !== undefined)
