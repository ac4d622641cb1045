import { z } from 'zod'

const weight = z.number().positive()
const plain = z.record(z.string(), z.unknown())

/** One of several values of a slot: a text, a number, fields by name, or `{ value, weight, when }`. */
const optionSchema = z.union([z.string(), z.number(), z.boolean(), plain])

/** What fills a slot: one of a list, a number of a range, some of a list, or a text of other slots. */
export const slotSchema = z.union([
  z.string(),
  z.number(),
  z.array(optionSchema).min(1),
  z.strictObject({ from: z.int(), to: z.int() }),
  z.strictObject({
    pick: z.union([z.int().min(1), z.strictObject({ from: z.int().min(0), to: z.int().min(1) })]),
    of: z.array(optionSchema).min(1),
  }),
])

export const templateSchema = z.strictObject({
  id: z.string().min(1),
  category: z.string().min(1).optional(),
  weight: weight.optional(),
  slots: z.record(z.string(), slotSchema).optional(),
  /** What has to hold of the slots; others are drawn until it does. */
  require: z.union([z.string(), z.array(z.string())]).optional(),
  /** The record: every text in it may have slots. */
  example: plain,
})

export const templateFileSchema = z.strictObject({
  name: z.string().min(1).optional(),
  /** Of all templates of the file that name none. */
  category: z.string().min(1).optional(),
  /** How many examples each category has in a full set, from the least to the most. */
  categories: z.record(z.string(), z.strictObject({ from: z.int().min(1), to: z.int().min(1) })).optional(),
  slots: z.record(z.string(), slotSchema).optional(),
  templates: z.array(templateSchema).optional(),
})

export type Slot = z.infer<typeof slotSchema>
export type Template = Omit<z.infer<typeof templateSchema>, 'category' | 'slots'> & {
  readonly category: string
  readonly slots: Readonly<Record<string, Slot>>
  readonly file?: string
}

/** Templates of one dataset. */
export interface TemplateSet {
  readonly name: string
  /** SHA-256 of the files: what was made with it names it. */
  readonly version: string
  readonly categories: Readonly<Record<string, { readonly from: number; readonly to: number }>>
  readonly templates: readonly Template[]
}
