import { usageError } from '@qt/core'
import { type Combine, linear, type Scan, slerp, tasks } from './combine.js'
import { type MergeMethod, type ModelReference, type ReadRecipe, type Settings, sameModel } from './recipe.js'
import { type Asked, numberOf, settingOf } from './settings.js'

/** One input of a tensor of the result. */
export interface TensorInput {
  readonly model: ModelReference
  /** Hugging Face's name of the tensor in this model, which filters look at. */
  readonly name: string
  readonly parameters: Settings | undefined
}

export interface TensorJob {
  readonly recipe: ReadRecipe
  readonly inputs: readonly TensorInput[]
  readonly base: ModelReference | undefined
  /** Of the slice, then of the recipe. */
  readonly shared: readonly (Settings | undefined)[]
  /** Hugging Face's name of the tensor in the result. */
  readonly name: string
  /** How far through its slice. */
  readonly t: number
}

const taskMethods: Readonly<
  Record<string, { normalise: boolean; rescale: boolean; consensus: boolean; sparsify: 'none' | 'magnitude' | 'random' }>
> = {
  task_arithmetic: { normalise: false, rescale: false, consensus: false, sparsify: 'none' },
  ties: { normalise: true, rescale: false, consensus: true, sparsify: 'magnitude' },
  dare_linear: { normalise: false, rescale: true, consensus: false, sparsify: 'random' },
  dare_ties: { normalise: false, rescale: true, consensus: true, sparsify: 'random' },
}

/** Inputs in the order in which `combinerOf` wants them: the base first, where the method has one. */
export function orderedInputs({
  recipe: { method },
  inputs,
  base,
}: Pick<TensorJob, 'recipe' | 'inputs' | 'base'>): TensorInput[] {
  if (method === 'linear') return [...inputs]
  if (method === 'passthrough') {
    if (inputs.length === 1) return [...inputs]
    throw wrongInputs(method, `one model for each slice, not ${inputs.length}`)
  }
  const first = inputs.find(({ model }) => sameModel(model, base))
  const others = inputs.filter((input) => input !== first)
  if (!first) throw wrongInputs(method, 'a base_model, which takes part')
  if (method === 'slerp' && others.length !== 1)
    throw wrongInputs(method, `the base and one other model, not ${others.length} others`)
  return [first, ...others]
}

const wrongInputs = (method: MergeMethod, needs: string) =>
  usageError('MERGE_RECIPE', `${method} needs ${needs}.`, {
    where: { field: 'merge_method' },
    actions: ['Correct the models of the recipe.'],
  })

/** How the inputs of a tensor become one; undefined when the first one is the result. */
export async function combinerOf(job: TensorJob, scan: Scan): Promise<Combine | undefined> {
  const { recipe, shared, name, t } = job
  const inputs = orderedInputs(job)
  const common = (parameter: Asked['name'], otherwise: number) =>
    numberOf({ name: parameter, tensor: name, t }, shared, otherwise)
  const truth = (parameter: Asked['name'], otherwise: boolean) =>
    Boolean(settingOf({ name: parameter, tensor: name, t }, shared) ?? otherwise)
  const each = (list: readonly TensorInput[], parameter: Asked['name'], otherwise?: number) =>
    list.map((input) => numberOf({ name: parameter, tensor: input.name, t }, [input.parameters, ...shared], otherwise))
  switch (recipe.method) {
    case 'passthrough': {
      const [scale] = each(inputs, 'scale', 1)
      return scale === 1 ? undefined : ([values]) => values!.map((value) => value * scale!)
    }
    case 'linear':
      return linear(each(inputs, 'weight'), truth('normalize', true))
    case 'slerp':
      return slerp(numberOf({ name: 't', tensor: name, t }, shared), scan)
  }
  const method = taskMethods[recipe.method]!
  const others = inputs.slice(1)
  if (others.length === 0) return undefined
  return tasks(
    {
      ...method,
      weights: each(others, 'weight'),
      densities: each(others, 'density', 1),
      normalise: truth('normalize', method.normalise),
      rescale: truth('rescale', method.rescale),
      lambda: common('lambda', 1),
      seed: recipe.seed,
      streams: others.map(({ model }, i) => hash(`${i} ${name} ${model.path}`)),
    },
    scan,
  )
}

/** FNV-1a: a stream of random numbers for each tensor and model. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0
}
