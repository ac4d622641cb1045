import { usageError } from '@qt/core'
import type { Expression, Rules } from './expression.js'
import { normalRanges, utf8Ranges } from './utf8-ranges.js'

/** A place in a rule: where bytes lead, where it goes on without any, which rules may be read here, and whether the rule may end. */
export interface Place {
  readonly bytes: { readonly from: number; readonly to: number; readonly place: number }[]
  readonly empty: number[]
  readonly calls: { readonly rule: number; readonly place: number }[]
  end: boolean
}

/** A recursive transition network over bytes; rules are named by their first place. */
export interface Network {
  readonly places: readonly Place[]
  readonly start: number
}

const mostPlaces = 200_000
const encoder = new TextEncoder()

export function network({ root, rules }: Rules): Network {
  const places: Place[] = []
  const place = (): number => {
    if (places.length >= mostPlaces)
      throw usageError('GRAMMAR_INVALID', 'The grammar is too large.', {
        actions: ['Shorten its repetitions: {0,1000} of something is a thousand copies of it.'],
      })
    return places.push({ bytes: [], empty: [], calls: [], end: false }) - 1
  }
  const starts = new Map<string, number>()
  for (const name of rules.keys()) starts.set(name, place())

  function bytes(from: number, sequence: readonly (readonly [number, number])[], to: number): void {
    let at = from
    sequence.forEach(([low, high], i) => {
      const next = i + 1 === sequence.length ? to : place()
      places[at]!.bytes.push({ from: low, to: high, place: next })
      at = next
    })
  }

  /** Lays an expression from one place to another. */
  function lay(expression: Expression, from: number, to: number): void {
    switch (expression.kind) {
      case 'text': {
        const encoded = [...encoder.encode(expression.text)]
        if (encoded.length === 0) places[from]!.empty.push(to)
        else
          bytes(
            from,
            encoded.map((byte) => [byte, byte]),
            to,
          )
        return
      }
      case 'class':
        for (const sequence of utf8Ranges(normalRanges(expression.ranges, expression.negated))) bytes(from, sequence, to)
        return
      case 'choice':
        for (const item of expression.items) lay(item, from, to)
        return
      case 'sequence': {
        let at = from
        expression.items.forEach((item, i) => {
          const next = i + 1 === expression.items.length ? to : place()
          lay(item, at, next)
          at = next
        })
        if (expression.items.length === 0) places[from]!.empty.push(to)
        return
      }
      case 'repeat': {
        let at = from
        for (let i = 0; i < expression.from; i++) {
          const next = place()
          lay(expression.item, at, next)
          at = next
        }
        if (expression.to === Number.POSITIVE_INFINITY) {
          const again = place()
          places[at]!.empty.push(again)
          lay(expression.item, again, again)
          places[again]!.empty.push(to)
          return
        }
        for (let i = expression.from; i < expression.to; i++) {
          places[at]!.empty.push(to)
          const next = place()
          lay(expression.item, at, next)
          at = next
        }
        places[at]!.empty.push(to)
        return
      }
      case 'rule': {
        const called = starts.get(expression.name)
        if (called === undefined)
          throw usageError('GRAMMAR_INVALID', `The grammar has no rule named "${expression.name}".`, {
            actions: ['Define it, or correct the name.'],
          })
        places[from]!.calls.push({ rule: called, place: to })
      }
    }
  }

  for (const [name, expression] of rules) {
    const end = place()
    lay(expression, starts.get(name)!, end)
    places[end]!.end = true
  }
  const start = starts.get(root)
  if (start === undefined)
    throw usageError('GRAMMAR_INVALID', `The grammar has no rule named "${root}".`, {
      actions: [`Add one: ${root} ::= …; it is where every answer begins.`],
    })
  refuseLeftRecursion(places, starts)
  return { places, start }
}

/** A rule that may call itself before it has read anything would be entered for ever. */
function refuseLeftRecursion(places: readonly Place[], starts: ReadonlyMap<string, number>): void {
  const rules = [...starts]
  const nullable = new Set<number>()
  /** Places of a rule that are reached without a byte. */
  const reached = (start: number): Set<number> => {
    const seen = new Set([start])
    for (const at of seen) {
      for (const next of places[at]!.empty) seen.add(next)
      for (const call of places[at]!.calls) if (nullable.has(call.rule)) seen.add(call.place)
    }
    return seen
  }
  for (let before = -1; before !== nullable.size; ) {
    before = nullable.size
    for (const [, start] of rules) if ([...reached(start)].some((at) => places[at]!.end)) nullable.add(start)
  }
  const first = new Map(
    rules.map(([, start]) => [start, [...reached(start)].flatMap((at) => places[at]!.calls.map(({ rule }) => rule))]),
  )
  for (const [name, start] of rules) {
    const seen = new Set(first.get(start))
    for (const called of seen) for (const next of first.get(called)!) seen.add(next)
    if (seen.has(start))
      throw usageError('GRAMMAR_INVALID', `The rule "${name}" begins with itself.`, {
        where: { field: name },
        actions: ['Turn it round: list ::= item more* instead of list ::= list item.'],
      })
  }
}
