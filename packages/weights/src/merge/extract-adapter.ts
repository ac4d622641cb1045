import { blockTensor, projectionShape, projections, usageError } from '@qt/core'
import type { Adapter, AdapterModule } from '../adapter/adapter.js'
import { writeAdapter } from '../adapter/write.js'
import { requireOther } from '../io/require-other.js'
import { openMergeSource, readRows, requireAlike } from './source.js'
import { truncatedSvd } from './svd.js'

export interface ExtractAdapterOptions {
  /** The model that the tuned one came from. */
  readonly base: string
  readonly model: string
  /** Of every adapter module. */
  readonly rank: number
  /** The PEFT folder to write. */
  readonly out: string
  readonly onProgress?: ((progress: { tensor: string; done: number; total: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ExtractedAdapter {
  readonly output: string
  readonly modules: number
  /** Frobenius norm of what the adapter leaves out of the projections, over that of the whole difference there: 0 is exact. */
  readonly error: number
  /** Tensors that differ and that no adapter of projections can hold: embeddings, norms, the output layer. */
  readonly leftOut: readonly string[]
}

/**
 * An adapter that turns a base into a tuned model, as nearly as its rank allows: the largest singular values of each difference.
 *
 * @example
 * ```ts
 * await merge({ base: 'base/', adapters: [{ path: 'adapter/' }], out: 'tuned/' })
 * const { error } = await extractAdapter({ base: 'base/', model: 'tuned/', rank: 4, out: 'extracted/' })
 * error // 1e-7: the difference had this rank
 * ```
 */
export async function extractAdapter(options: ExtractAdapterOptions): Promise<ExtractedAdapter> {
  const { rank, out, signal, onProgress } = options
  if (!Number.isInteger(rank) || rank < 1)
    throw usageError('MERGE_RANK', `The rank of an adapter cannot be ${rank}.`, {
      where: { field: 'rank' },
      actions: ['Give a whole number from 1 on.'],
    })
  for (const path of [options.base, options.model]) await requireOther(path, out)
  const base = await openMergeSource({ path: options.base, adapter: undefined }, signal)
  const tuned = await openMergeSource({ path: options.model, adapter: undefined }, signal)
  requireAlike(base.model, tuned.model)
  const { spec } = base.model
  if (tuned.model.spec.layers !== spec.layers)
    throw usageError('MERGE_MISMATCH', `The base has ${spec.layers} layers, the model ${tuned.model.spec.layers}.`, {
      where: { file: options.model },
      actions: ['Give the base that the model was tuned from.'],
    })
  const modules = new Map<string, AdapterModule>()
  const total = spec.layers * projections.length
  let [whole, missing, done] = [0, 0, 0]
  for (let layer = 0; layer < spec.layers; layer++)
    for (const projection of projections) {
      signal?.throwIfAborted()
      const name = blockTensor(layer, projection)
      const [rows, columns] = projectionShape(spec, projection)
      const difference = await readRows(tuned, name, 0, rows)
      const before = await readRows(base, name, 0, rows)
      let squares = 0
      for (let i = 0; i < difference.length; i++) {
        difference[i]! -= before[i]!
        squares += difference[i]! ** 2
      }
      onProgress?.({ tensor: name, done: ++done, total })
      if (squares === 0) continue
      const { module, kept } = asModule(difference, rows, columns, rank)
      modules.set(name, module)
      whole += squares
      missing += Math.max(0, squares - kept)
      // Others may want the processor.
      await new Promise((resolve) => setTimeout(resolve))
    }
  if (modules.size === 0)
    throw usageError('MERGE_EMPTY', 'The two models have the same projections: there is nothing to extract.', {
      actions: ['Check that the model was tuned from this base.'],
    })
  const adapter: Adapter = { kind: 'lora', rank, alpha: rank, dropout: 0, rankStabilised: false, targets: [], modules }
  await writeAdapter(out, adapter, spec, { baseName: options.base })
  return {
    output: out,
    modules: modules.size,
    error: Math.sqrt(missing / whole),
    leftOut: await othersThatDiffer(base, tuned, new Set(modules.keys()), signal),
  }
}

/** B = U·√Σ and A = √Σ·Vᵀ, so that both have the same size; α is the rank, so that the scale is 1. */
function asModule(difference: Float32Array, rows: number, columns: number, wanted: number) {
  const { values, left, right } = truncatedSvd(difference, rows, columns, wanted)
  // Small matrices have fewer directions than the rank asked for; the rest stays zero.
  const found = values.length
  const a = new Float32Array(wanted * columns)
  const b = new Float32Array(rows * wanted)
  let kept = 0
  for (let k = 0; k < found; k++) {
    const root = Math.sqrt(values[k]!)
    kept += values[k]! ** 2
    for (let column = 0; column < columns; column++) a[k * columns + column] = root * right[k * columns + column]!
    for (let row = 0; row < rows; row++) b[row * wanted + k] = root * left[row * found + k]!
  }
  const module: AdapterModule = { a, b, rank: wanted, alpha: wanted, scale: 1 }
  return { module, kept }
}

type Source = Awaited<ReturnType<typeof openMergeSource>>

async function othersThatDiffer(
  base: Source,
  tuned: Source,
  done: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const different: string[] = []
  for (const [name, { shape }] of base.model.tensors) {
    if (done.has(name) || projections.some((projection) => name.endsWith(`.${projection}.weight`))) continue
    const columns = shape.at(-1)!
    const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
    const step = Math.max(1, Math.floor(2 ** 20 / columns))
    for (let row = 0; row < rows; row += step) {
      signal?.throwIfAborted()
      const count = Math.min(step, rows - row)
      const [a, b] = [await readRows(base, name, row, count), await readRows(tuned, name, row, count)]
      if (a.every((value, i) => value === b[i])) continue
      different.push(name)
      break
    }
  }
  return different
}
