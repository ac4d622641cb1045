import { rowBytes, type TensorType, usageError } from '@qt/core'
import { decodeBlocks, type Gguf, readWholeGguf } from '@qt/weights'
import { type Importance, importanceWeights } from '../importance/importance.js'

export interface TensorError {
  readonly name: string
  readonly from: TensorType
  readonly to: TensorType
  /** Of the quantised tensor. */
  readonly bytes: number
  /** Σ (w − w′)² / Σ w². */
  readonly error: number
  /** The same with every column weighed by its importance, where that is known. */
  readonly weighted?: number
}

export interface TensorErrorsOptions {
  readonly importance?: Importance | undefined
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: ((name: string, done: number, total: number) => void) | undefined
}

/** Values decoded at once. */
const together = 1 << 18

/**
 * How far every tensor of a file lies from the same tensor of another, as a part of its own size; tensors that only one of them has are
 * left out.
 *
 * @example
 * ```ts
 * const errors = await tensorErrors('model-f16.gguf', 'model-q4_k_m.gguf')
 * errors.toSorted((a, b) => b.error - a.error)[0] // the tensor that lost most
 * ```
 */
export async function tensorErrors(
  original: string,
  quantised: string,
  options: TensorErrorsOptions = {},
): Promise<TensorError[]> {
  const [a, b] = [await readWholeGguf(original), await readWholeGguf(quantised)]
  const names = [...b.tensors.keys()].filter((name) => a.tensors.has(name))
  if (names.length === 0)
    throw usageError('QUANT_SHAPE', 'The files have no tensor in common.', {
      where: { file: b.name },
      actions: ['Compare a model with a quantisation of itself.'],
    })
  const errors: TensorError[] = []
  for (const [i, name] of names.entries()) {
    options.signal?.throwIfAborted()
    errors.push(await tensorError(a, b, name, options.importance))
    options.onTensor?.(name, i + 1, names.length)
  }
  return errors
}

async function tensorError(a: Gguf, b: Gguf, name: string, importance: Importance | undefined): Promise<TensorError> {
  const [from, to] = [a.tensors.get(name)!, b.tensors.get(name)!]
  if (from.shape.join() !== to.shape.join())
    throw usageError(
      'QUANT_SHAPE',
      `${name} is ${from.shape.join(' × ')} in one file and ${to.shape.join(' × ')} in the other.`,
      {
        where: { file: b.name, field: name },
        actions: ['Compare a model with a quantisation of itself.'],
      },
    )
  const entry = { name, from: from.type, to: to.type, bytes: to.bytes }
  const weights = columnWeights(importance, name, from.shape)
  const [before, after] = [await a.read(name), await b.read(name)]
  const columns = from.shape.at(-1) ?? 1
  const rows = from.shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const step = Math.max(1, Math.floor(together / columns))
  const decoded = (type: TensorType, bytes: Uint8Array, row: number, count: number) => {
    const length = rowBytes(type, columns)!
    return decodeBlocks(type, bytes.subarray(row * length, (row + count) * length))
  }
  const sums = { error: 0, power: 0, weightedError: 0, weightedPower: 0 }
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row)
    const [x, y] = [decoded(from.type, before, row, count), decoded(to.type, after, row, count)]
    for (let k = 0, at = row * columns; k < x.length; k++, at++) {
      const [square, power] = [(x[k]! - y[k]!) ** 2, x[k]! ** 2]
      sums.error += square
      sums.power += power
      if (weights === undefined) continue
      const weight = weights(at)
      sums.weightedError += weight * square
      sums.weightedPower += weight * power
    }
  }
  if (!Number.isFinite(sums.error + sums.power))
    throw usageError('QUANT_NOT_FINITE', `${name} has values that are infinite or no numbers.`, {
      where: { file: Number.isFinite(sums.power) ? b.name : a.name, field: name },
      actions: ['Check the file (qt check).'],
    })
  const part = (error: number, power: number) => (power === 0 ? 0 : error / power)
  return {
    ...entry,
    error: part(sums.error, sums.power),
    ...(weights && { weighted: part(sums.weightedError, sums.weightedPower) }),
  }
}

/** The weight of a tensor's n-th value. */
function columnWeights(importance: Importance | undefined, name: string, shape: readonly number[]) {
  const entry = importance?.entries.get(name)
  const columns = shape.at(-1) ?? 1
  const matrices = shape.slice(0, -2).reduce((product, size) => product * size, 1)
  if (entry === undefined || entry.sums.length !== matrices * columns) return undefined
  const weights = importanceWeights(entry)
  const matrixSize = columns * (shape.at(-2) ?? 1)
  return (at: number): number => weights[Math.floor(at / matrixSize) * columns + (at % columns)]!
}
