import { type TensorInfo, usageError } from '@qt/core'
import { u32 } from '../convert/metadata-from-spec.js'
import type { Model } from '../model/model.js'
import { toHuggingFaceName } from '../model/names.js'
import { expectedTensors } from '../model/shapes.js'
import type { TensorInput, TensorJob } from './combine-tensor.js'
import type { ModelReference, PlannedSlice, ReadRecipe } from './recipe.js'

/** A tensor of the result, and what it is made of. */
export interface OutputTensor {
  readonly job: TensorJob
  /** Canonical names in each input's own file. */
  readonly names: readonly string[]
}

export interface OutputModel {
  /** The donor with the layers of the result; its tensors lie where those of the first inputs lie. */
  readonly model: Model
  readonly tensors: ReadonlyMap<string, OutputTensor>
}

/** Which tensors of which models become which tensor of the result. */
export function outputModel(recipe: ReadRecipe, donor: Model, models: (reference: ModelReference) => Model): OutputModel {
  const slices = inOrder(recipe.slices, models)
  const model = withLayers(
    donor,
    slices.reduce((sum, { count }) => sum + count, 0),
  )
  const { architecture } = model.description
  const nameOf = (tensor: string) => toHuggingFaceName(architecture, tensor) ?? tensor
  const tensors = new Map<string, OutputTensor>()
  const add = (tensor: string, slice: PlannedSlice, t: number, nameIn: (source: PlannedSlice['sources'][number]) => string) => {
    const names = slice.sources.map(nameIn)
    const inputs = slice.sources.map(({ model, parameters }, i): TensorInput => ({ model, parameters, name: nameOf(names[i]!) }))
    tensors.set(tensor, {
      names,
      job: { recipe, inputs, base: slice.base, shared: [slice.parameters, recipe.parameters], name: nameOf(tensor), t },
    })
  }
  const parts = expectedTensors(architecture, model.spec).flatMap((expected) => expected.parts ?? [expected])
  for (const { name } of parts) {
    const [, layer, rest] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? []
    if (layer === undefined) {
      // As mergekit: what stands before the layers goes by the first slice, what stands after them by the last.
      add(name, (name.startsWith('token_embd') ? slices[0] : slices.at(-1))!.slice, 0, () => name)
      continue
    }
    const { slice, first, count } = slices.find((one) => Number(layer) < one.first + one.count)!
    const within = Number(layer) - first
    add(name, slice, count > 1 ? within / (count - 1) : 1, ({ from }) => `blk.${from + within}.${rest}`)
  }
  return { model: { ...model, tensors: placed(tensors, models) }, tensors }
}

/** Where the data of each tensor's first input lies, under the name that it has in the result. */
function placed(
  tensors: ReadonlyMap<string, OutputTensor>,
  models: (reference: ModelReference) => Model,
): Map<string, TensorInfo> {
  return new Map(
    [...tensors].map(([name, { job, names }]) => {
      const { model } = job.inputs[0]!
      const info = models(model).tensors.get(names[0]!)
      if (info) return [name, info]
      throw usageError('MERGE_MISMATCH', `${model.path} has no tensor ${names[0]}.`, {
        where: { file: model.path },
        actions: ['Check layer_range: it must end within the layers of the model.'],
      })
    }),
  )
}

interface Placed {
  readonly slice: PlannedSlice
  /** Of its layers in the result. */
  readonly first: number
  readonly count: number
}

/** Slices one after the other; all sources of one must give the same number of layers. */
function inOrder(slices: readonly PlannedSlice[], models: (reference: ModelReference) => Model): Placed[] {
  let first = 0
  return slices.map((slice, index) => {
    const counts = slice.sources.map(({ model, from, to }) => {
      const { path, spec } = models(model)
      const count = (to ?? spec.layers) - from
      if (count >= 1 && from + count <= spec.layers) return count
      throw wrongLayers(index, `${path} has ${spec.layers} layers, not [${from}, ${to}]`)
    })
    const [count] = counts
    if (count === undefined || counts.some((other) => other !== count))
      throw wrongLayers(index, `its models give ${counts.join(' and ')} layers, which cannot be mixed`)
    const placed = { slice, first, count }
    first += count
    return placed
  })
}

const wrongLayers = (index: number, what: string) =>
  usageError('MERGE_LAYERS', `Slice ${index + 1} cannot be made: ${what}.`, {
    where: { field: `slices.${index}` },
    actions: ['Correct layer_range: [first, one after the last].'],
  })

/** The donor with another number of layers. */
function withLayers(donor: Model, layers: number): Model {
  if (layers === donor.spec.layers) return donor
  const { windows } = donor.spec.attention
  const { ofLayer } = donor.spec.rope
  const alike = (list: readonly unknown[] | undefined) => list === undefined || new Set(list).size <= 1
  if (!alike(windows) || !alike(ofLayer))
    throw usageError(
      'MERGE_LAYERS',
      `The layers of ${donor.path} differ by their place (windows or rotary embeddings), so they cannot be moved.`,
      {
        where: { file: donor.path },
        actions: ['Keep all layers: use models instead of slices.'],
      },
    )
  const repeated = <T>(list: readonly T[] | undefined): T[] | undefined => list && Array.from({ length: layers }, () => list[0]!)
  const attention = { ...donor.spec.attention, ...(windows ? { windows: repeated(windows) } : {}) }
  const rope = { ...donor.spec.rope, ...(ofLayer ? { ofLayer: repeated(ofLayer) } : {}) }
  const spec = { ...donor.spec, layers, attention, rope }
  const key = [...(donor.metadata?.keys() ?? [])].find((name) => name.endsWith('.block_count'))
  const metadata = donor.metadata && new Map(donor.metadata)
  if (metadata && key !== undefined) metadata.set(key, u32(layers))
  return { ...donor, spec, description: { ...donor.description, spec }, ...(metadata ? { metadata } : {}) }
}
