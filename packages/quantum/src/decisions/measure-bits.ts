import { type BitsProblem, sketcher } from './bits.js'

export interface MeasureBitsOptions {
  /** Log-probabilities of the model as it is, positions one after the other. */
  readonly before: Float32Array
  readonly vocabulary: number
  /** The same with one tensor as one type; undefined where that is the type it has. */
  readonly after: (tensor: string, type: string) => Promise<Float32Array | undefined>
  readonly dimensions?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onMeasured?: ((done: number, total: number, tensor: string, type: string) => void) | undefined
}

/** Measures each tensor as each type once: what `bitsProblem` and `pairwisePlanner` ask for. Costs and products of pairs follow from it. */
export async function measureBits(
  { tensors }: BitsProblem,
  { before, vocabulary, after, dimensions, signal, onMeasured }: MeasureBitsOptions,
): Promise<(tensor: string, type: string) => Float32Array | undefined> {
  const sketches = new Map<string, Float32Array>()
  const sketch = sketcher(before, vocabulary, dimensions)
  const total = tensors.reduce((sum, { options }) => sum + options.length, 0)
  let done = 0
  for (const { name, options } of tensors)
    for (const { type } of options) {
      signal?.throwIfAborted()
      const changed = await after(name, type)
      if (changed) sketches.set(`${name} ${type}`, sketch(changed))
      onMeasured?.(++done, total, name, type)
    }
  return (tensor, type) => sketches.get(`${tensor} ${type}`)
}
