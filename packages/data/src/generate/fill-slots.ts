import { usageError } from '@qt/core'
import { evaluate, isTrue, parseExpression } from './expression.js'
import type { Slot, Template } from './template-set.js'
import { drawn, parseTemplateText, renderText, type TextContext, type TextPart } from './template-text.js'

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Texts and conditions are read once. */
const texts = new Map<string, TextPart[]>()
const conditions = new Map<string, ReturnType<typeof parseExpression>>()

function remembered<T>(known: Map<string, T>, source: string, read: (source: string) => T): T {
  const found = known.get(source) ?? read(source)
  if (known.size > 20_000) known.clear()
  known.set(source, found)
  return found
}

/** The slots of one example: each is drawn when it is first asked for, so that slots may refer to each other. */
export class Filling implements TextContext {
  private readonly values = new Map<string, unknown>()
  private readonly open = new Set<string>()

  constructor(
    private readonly template: Template,
    private readonly slots: Readonly<Record<string, Slot>>,
    readonly random: () => number,
  ) {}

  /** The values that were drawn, by slot. */
  get drawn(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.values)
  }

  holds(condition: string): boolean {
    return isTrue(evaluate(remembered(conditions, condition, parseExpression), this.lookup))
  }

  readonly lookup = (path: readonly string[]): unknown => {
    const [name = '', ...fields] = path
    let value = this.slot(name)
    for (const field of fields) {
      if (!isPlain(value) || !Object.hasOwn(value, field))
        throw this.problem(`There is no field "${field}" in the slot "${name}"`, `slots.${name}`)
      value = value[field]
    }
    return value
  }

  /** A value of the record with everything in it filled. A text that is one slot and nothing else becomes the slot's own value. */
  render(value: unknown): unknown {
    if (typeof value === 'string') {
      const parts = remembered(texts, value, parseTemplateText)
      const [only] = parts
      if (parts.length === 1 && only?.kind === 'value' && only.filters.length === 0) return evaluate(only.value, this.lookup)
      return renderText(parts, this)
    }
    if (Array.isArray(value)) return value.flatMap((one) => this.item(one))
    if (!isPlain(value)) return value
    if (Array.isArray(value.choose) && Object.keys(value).length === 1) return this.render(this.choose(value.choose))
    const out: Record<string, unknown> = {}
    for (const [key, one] of Object.entries(value)) {
      if (isConditional(one) && !this.holds(one.when)) continue
      out[key] = this.render(isConditional(one) ? one.value : one)
    }
    return out
  }

  /** An item of a list: left out when its condition does not hold or its text is empty; a slot that is a list is as many items, a list stays one. */
  private item(value: unknown): unknown[] {
    if (isConditional(value) && !this.holds(value.when)) return []
    const rendered = this.render(isConditional(value) ? value.value : value)
    return rendered === '' ? [] : Array.isArray(rendered) && !Array.isArray(value) ? rendered : [rendered]
  }

  private slot(name: string): unknown {
    if (this.values.has(name)) return this.values.get(name)
    const slot = Object.hasOwn(this.slots, name) ? this.slots[name] : undefined
    if (slot === undefined) throw this.problem(`There is no slot "${name}"`, 'slots')
    if (this.open.has(name))
      throw this.problem(
        `The slots ${[...this.open, name].map((one) => `"${one}"`).join(' → ')} refer to each other in a circle`,
        `slots.${name}`,
      )
    this.open.add(name)
    const value = this.draw(slot)
    this.open.delete(name)
    this.values.set(name, value)
    return value
  }

  private draw(slot: Slot): unknown {
    if (typeof slot === 'number') return slot
    if (typeof slot === 'string') return this.render(slot)
    if (Array.isArray(slot)) return this.render(this.choose(slot))
    if ('from' in slot) return slot.from + Math.floor(this.random() * (slot.to - slot.from + 1))
    const { pick, of } = slot
    const count = typeof pick === 'number' ? pick : pick.from + Math.floor(this.random() * (pick.to - pick.from + 1))
    const left = [...of]
    const taken: unknown[] = []
    while (taken.length < count && left.length > 0) taken.push(this.render(left.splice(this.index(left), 1)[0]))
    return taken
  }

  /** One of several options, by their weights, of those whose conditions hold. */
  private choose(options: readonly unknown[]): unknown {
    const option = options[this.index(options)]
    if (!isPlain(option)) return option
    const { weight: _weight, when: _when, ...rest } = option
    return Object.hasOwn(rest, 'value') && Object.keys(rest).length === 1 ? rest.value : rest
  }

  private index(options: readonly unknown[]): number {
    const possible = options.flatMap((option, index) => {
      const weight = isPlain(option) && typeof option.weight === 'number' ? option.weight : 1
      const holds = !isPlain(option) || typeof option.when !== 'string' || this.holds(option.when)
      return holds && weight > 0 ? [{ index, weight }] : []
    })
    if (possible.length === 0) throw this.problem('None of the options of a slot is possible here', 'slots')
    return possible[drawn(possible, this.random())]!.index
  }

  private problem(message: string, field: string) {
    const { id, file } = this.template
    return usageError('TEMPLATE_INVALID', `${message}, in the template "${id}".`, {
      where: { ...(file === undefined ? {} : { file }), field },
      actions: ['Correct the name, or add the slot.'],
    })
  }
}

const isConditional = (value: unknown): value is { readonly when: string; readonly value: unknown } =>
  isPlain(value) && typeof value.when === 'string' && Object.hasOwn(value, 'value') && Object.keys(value).length === 2
