import { uniform, usageError } from '@qt/core'
import { NearDuplicates } from '../near-duplicates/near-duplicates.js'
import { recordText } from '../record-text.js'
import { Filling } from './fill-slots.js'
import type { Template, TemplateSet } from './template-set.js'
import { drawn } from './template-text.js'

export interface GenerateExamplesOptions {
  /** Examples in all, over the categories in the shares of a full set; left out: the middle of each category's range. */
  readonly size?: number | undefined
  /** Examples by category, instead. */
  readonly counts?: Readonly<Record<string, number>> | undefined
  /** Default 1. */
  readonly seed?: number | undefined
  /** From this similarity on an example is nearly the same as an earlier one, and another is made instead. Default 0.8. */
  readonly similarity?: number | undefined
}

export interface GeneratedExample {
  readonly category: string
  readonly template: string
  readonly value: Readonly<Record<string, unknown>>
}

/** How often another example is tried for one that is nearly the same as an earlier one, or whose slots do not fit. */
const mostTries = 200

/** How many examples each category gets. */
export function countsOf({ categories }: TemplateSet, { size, counts }: GenerateExamplesOptions): Record<string, number> {
  if (counts) {
    const wrong = Object.entries(counts).find(
      ([name, count]) => !Object.hasOwn(categories, name) || !(Number.isInteger(count) && count >= 0),
    )
    if (wrong)
      throw usageError('DATA_OPTION', `There cannot be ${wrong[1]} examples of the category "${wrong[0]}".`, {
        actions: [`Use whole numbers, for ${Object.keys(categories).join(', ')}.`],
      })
    return { ...counts }
  }
  if (size !== undefined && !(Number.isInteger(size) && size >= 1))
    throw usageError('DATA_OPTION', `The size is a whole number from 1 on, not ${size}.`, { actions: ['Use 2000.'] })
  const ranges = Object.entries(categories).map(([name, { from, to }]) => {
    const open = to === Number.MAX_SAFE_INTEGER
    return { name, from: open ? 100 : from, to: open ? 100 : to }
  })
  const least = ranges.reduce((sum, { from }) => sum + from, 0)
  const most = ranges.reduce((sum, { to }) => sum + to, 0)
  // A smaller or larger set than a full one has its shares in proportion to the least or the most of each category.
  const place = size === undefined ? 0.5 : Math.min(1, Math.max(0, (size - least) / Math.max(1, most - least)))
  const all = least + place * (most - least)
  const wanted = size ?? Math.round(all)
  const exact = ranges.map(({ name, from, to }) => ({ name, share: (wanted * (from + place * (to - from))) / all }))
  const out = Object.fromEntries(exact.map(({ name, share }) => [name, Math.floor(share)]))
  // What rounding left over goes to the largest remainders.
  const left = wanted - Object.values(out).reduce((sum, count) => sum + count, 0)
  const byRemainder = exact.toSorted((a, b) => (b.share % 1) - (a.share % 1))
  for (const { name } of byRemainder.slice(0, left)) out[name] = (out[name] ?? 0) + 1
  return out
}

/**
 * Examples from templates, the same for the same seed: as many of each category as asked for, none nearly the same as another. Each says
 * what it was made from.
 *
 * @example
 * ```ts
 * const templates = await loadTemplates('coding-rules')
 * for (const { category, value } of generateExamples(templates, { size: 2000, seed: 1 })) console.log(category, JSON.stringify(value))
 * ```
 */
export function* generateExamples(set: TemplateSet, options: GenerateExamplesOptions = {}): Generator<GeneratedExample> {
  const { seed = 1, similarity = 0.8 } = options
  const counts = countsOf(set, options)
  const finder = new NearDuplicates({ similarity })
  for (const [place, category] of Object.keys(set.categories).sort().entries()) {
    const templates = set.templates.filter((template) => template.category === category)
    const wanted = counts[category] ?? 0
    if (wanted > 0 && templates.length === 0)
      throw usageError('TEMPLATE_INVALID', `There is no template of the category "${category}".`, {
        actions: ['Write one, or take the category out of categories.'],
      })
    let attempt = 0
    for (let number = 0; number < wanted; number++) {
      let found: GeneratedExample | undefined
      for (let tries = 0; found === undefined && tries < mostTries; tries++) {
        const key = attempt++ * 1024 + place
        const made = oneOf(set, templates, seed, key)
        if (made === undefined) continue
        const provenance = { by: 'template', set: set.name, version: set.version, template: made.template, seed, number: key }
        const value = { category, ...made.value, provenance }
        if (finder.add(recordText({ value, where: {} })) === undefined) found = { category, template: made.template, value }
      }
      if (found === undefined) throw exhausted(category, number, wanted)
      yield found
    }
  }
}

/** One example, or undefined when its slots do not fit each other. */
function oneOf(set: TemplateSet, templates: readonly Template[], seed: number, key: number) {
  let index = 0
  const random = () => uniform(seed, 'sample', key, index++)
  const template =
    templates[
      drawn(
        templates.map(({ weight = 1 }) => ({ weight })),
        random(),
      )
    ]!
  const filling = new Filling(template, template.slots, random)
  const required = typeof template.require === 'string' ? [template.require] : (template.require ?? [])
  if (!required.every((condition) => filling.holds(condition))) return undefined
  const value = filling.render(template.example)
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`the template ${template.id} of ${set.name} makes no record`)
  return { template: template.id, value: { ...value } }
}

const exhausted = (category: string, made: number, wanted: number) =>
  usageError('TEMPLATE_EXHAUSTED', `The templates of "${category}" give ${made} different examples, not ${wanted}.`, {
    actions: ['Ask for fewer examples, or for a higher similarity.', 'Add templates, or options to their slots.'],
  })
