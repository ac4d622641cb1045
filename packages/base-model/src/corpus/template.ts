import { things } from './phrases/things.js'
import type { Choices } from './random.js'

const isThing = (name: string): name is keyof typeof things => name in things

/** Settles a phrase with alternatives, `(scan|survey) <place>`: one of each, and a noun of the list that is named. */
export function settle({ pick }: Choices, phrase: string): string {
  return phrase
    .replace(/\(([^()]*\|[^()]*)\)/g, (_, alternatives: string) => pick(alternatives.split('|')))
    .replace(/<([a-z]+)>/g, (_, name: string) => {
      if (!isThing(name)) throw new RangeError(`There is no list of things called "${name}".`)
      return pick(things[name])
    })
    .replace(/ {2,}/g, ' ')
    .replace(/ ([.,?!])/g, '$1')
    .trim()
}
