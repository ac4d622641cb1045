import type { ModelSpec } from '@qt/core'

export interface InspectedTensor {
  readonly name: string
  readonly type: string
  /** Outermost first. */
  readonly shape: readonly number[]
  readonly bytes: number
}

/** What a file or folder holds, as a plain JSON object. */
export interface Inspection {
  readonly path: string
  readonly format: 'gguf' | 'safetensors' | 'hf' | 'peft'
  readonly version?: number
  readonly architecture?: string
  readonly name?: string
  readonly spec?: ModelSpec
  /** Why there is no spec: the file can be read, but it is no model that can be run. */
  readonly problem?: string
  readonly parameters: number
  readonly bytes: number
  readonly totals: Readonly<Record<string, { readonly tensors: number; readonly parameters: number; readonly bytes: number }>>
  readonly tensors: readonly InspectedTensor[]
  /** Long arrays as their length and first items. */
  readonly metadata: Readonly<Record<string, unknown>>
}

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** The sums over a list of tensors. */
export function summarise(tensors: readonly InspectedTensor[]): Pick<Inspection, 'parameters' | 'bytes' | 'totals' | 'tensors'> {
  const totals: Record<string, { tensors: number; parameters: number; bytes: number }> = {}
  for (const { type, shape, bytes } of tensors) {
    totals[type] ??= { tensors: 0, parameters: 0, bytes: 0 }
    const total = totals[type]
    total.tensors++
    total.parameters += elements(shape)
    total.bytes += bytes
  }
  const sum = (of: 'parameters' | 'bytes') => Object.values(totals).reduce((all, total) => all + total[of], 0)
  return { parameters: sum('parameters'), bytes: sum('bytes'), totals, tensors }
}
