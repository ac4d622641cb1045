import { nearest, usageError } from '@qt/core'
import { z } from 'zod'

/** A number, or what it is by layer or by tensor. */
export type Setting =
  | number
  | boolean
  | readonly number[]
  | readonly { readonly filter?: string | undefined; readonly value: Setting }[]

const setting: z.ZodType<Setting> = z.lazy(() =>
  z.union([
    z.number(),
    z.boolean(),
    z.array(z.number()).min(1),
    z
      .array(
        z.strictObject({
          filter: z
            .string()
            .nullish()
            .transform((filter) => filter ?? undefined),
          value: setting,
        }),
      )
      .min(1),
  ]),
)
const parameters = z.record(z.enum(['weight', 'density', 't', 'scale', 'normalize', 'rescale', 'lambda', 'int8_mask']), setting)
const settings = z.partialRecord(parameters.keyType, setting)
export type Settings = z.infer<typeof settings>

/** `base` or `base+adapter`: a PEFT folder laid over its model. */
const reference = z.union([
  z.string().min(1),
  z.strictObject({
    model: z.union([z.string(), z.strictObject({ path: z.string() })]),
    lora: z.union([z.string(), z.strictObject({ path: z.string() })]).nullish(),
  }),
])

const layers = z.tuple([z.int().min(0), z.int().min(1)])
const slice = z.strictObject({
  sources: z.array(z.strictObject({ model: reference, layer_range: layers, parameters: settings.optional() })).min(1),
  base_model: reference.optional(),
  parameters: settings.optional(),
})

export const mergeMethods = ['linear', 'slerp', 'task_arithmetic', 'ties', 'dare_linear', 'dare_ties', 'passthrough'] as const
export type MergeMethod = (typeof mergeMethods)[number]
const dtype = z.enum(['float32', 'float16', 'bfloat16'])

const recipeSchema = z
  .strictObject({
    merge_method: z.enum(mergeMethods, { error: `merge_method is one of ${mergeMethods.join(', ')}` }),
    base_model: reference.optional(),
    models: z
      .array(z.strictObject({ model: reference, parameters: settings.optional() }))
      .min(1)
      .optional(),
    slices: z.array(slice).min(1).optional(),
    parameters: settings.optional(),
    dtype: dtype.optional(),
    out_dtype: dtype.optional(),
    tokenizer_source: z
      .literal('base', { error: 'only "base" is supported: the tokenizer of base_model, or of the first model' })
      .optional(),
    /** Of the random choices of DARE; ours. */
    seed: z.int().min(0).default(0),
  })
  .refine(({ models, slices }) => (models === undefined) !== (slices === undefined), 'there must be either models or slices')
type Recipe = z.infer<typeof recipeSchema>

/** What to merge and how, in the form of mergekit's YAML. */
export type MergeRecipe = z.input<typeof recipeSchema>

/** A model that takes part: its path, and an adapter laid over it. */
export interface ModelReference {
  readonly path: string
  readonly adapter: string | undefined
}

export interface PlannedSlice {
  readonly sources: readonly {
    readonly model: ModelReference
    readonly from: number
    readonly to: number | undefined
    readonly parameters: Settings | undefined
  }[]
  readonly base: ModelReference | undefined
  readonly parameters: Settings | undefined
}

/** A recipe with everything in its place: `models` is one slice of all layers. */
export interface ReadRecipe {
  readonly method: MergeMethod
  readonly slices: readonly PlannedSlice[]
  readonly parameters: Settings | undefined
  readonly dtype: Recipe['dtype']
  readonly seed: number
  /** Whose configuration and tokenizer the result gets. */
  readonly donor: ModelReference
}

export const sameModel = (a: ModelReference | undefined, b: ModelReference | undefined): boolean =>
  a !== undefined && b !== undefined && a.path === b.path && a.adapter === b.adapter

export function readRecipe(input: unknown): ReadRecipe {
  const parsed = recipeSchema.safeParse(input)
  if (!parsed.success) throw invalid(parsed.error.issues[0]!)
  const { merge_method: method, base_model, models, slices, parameters, dtype, out_dtype, seed } = parsed.data
  const base = base_model === undefined ? undefined : referenceOf(base_model)
  const planned: PlannedSlice[] = slices?.map((one) => ({
    sources: one.sources.map(({ model, layer_range: [from, to], parameters }) => ({
      model: referenceOf(model),
      from,
      to,
      parameters,
    })),
    base: one.base_model === undefined ? base : referenceOf(one.base_model),
    parameters: one.parameters,
  })) ?? [
    {
      sources: (models ?? []).map(({ model, parameters }) => ({ model: referenceOf(model), from: 0, to: undefined, parameters })),
      base,
      parameters: undefined,
    },
  ]
  // As in mergekit the base takes part, named or not.
  const all = planned.map((one) =>
    slices === undefined && one.base !== undefined && !one.sources.some(({ model }) => sameModel(model, one.base))
      ? { ...one, sources: [...one.sources, { model: one.base, from: 0, to: undefined, parameters: undefined }] }
      : one,
  )
  return { method, slices: all, parameters, dtype: out_dtype ?? dtype, seed, donor: base ?? all[0]!.sources[0]!.model }
}

function referenceOf(value: z.infer<typeof reference>): ModelReference {
  const path = (one: string | { path: string }) => (typeof one === 'string' ? one : one.path)
  if (typeof value === 'object') return { path: path(value.model), adapter: value.lora == null ? undefined : path(value.lora) }
  const [model, ...adapter] = value.split('+')
  return { path: model!, adapter: adapter.length > 0 ? adapter.join('+') : undefined }
}

function invalid(issue: z.core.$ZodIssue) {
  const field = issue.path.map(String).join('.')
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
  const near = unknown === undefined ? undefined : nearest(unknown, Object.keys(recipeSchema.shape))
  return usageError(
    'MERGE_RECIPE',
    unknown === undefined ? `The recipe is not valid: ${issue.message}.` : `The recipe has a key that is not known: ${unknown}.`,
    {
      where: { field: [field, unknown].filter(Boolean).join('.') },
      actions: near === undefined ? ['Compare it with the examples in docs/merging.md.'] : [`Did you mean "${near}"?`],
    },
  )
}
