/** What grammars and schemas are turned into before they become a network: rules by name, each an expression. */
export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  /** One character of these ranges of code points, or of all others. */
  | { readonly kind: 'class'; readonly ranges: readonly (readonly [from: number, to: number])[]; readonly negated: boolean }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly Expression[] }
  | { readonly kind: 'repeat'; readonly item: Expression; readonly from: number; readonly to: number }
  | { readonly kind: 'rule'; readonly name: string }

export interface Rules {
  readonly root: string
  readonly rules: ReadonlyMap<string, Expression>
}

export const text = (of: string): Expression => ({ kind: 'text', text: of })
export const sequence = (...items: Expression[]): Expression => ({ kind: 'sequence', items })
export const choice = (...items: Expression[]): Expression => ({ kind: 'choice', items })
export const repeat = (item: Expression, from: number, to = Number.POSITIVE_INFINITY): Expression => ({
  kind: 'repeat',
  item,
  from,
  to,
})
export const optional = (item: Expression): Expression => repeat(item, 0, 1)
export const rule = (name: string): Expression => ({ kind: 'rule', name })
/** Characters as pairs of ends: `oneOf('az', '09')`. */
export const oneOf = (...ends: string[]): Expression => ({ kind: 'class', ranges: rangesOf(ends), negated: false })
export const noneOf = (...ends: string[]): Expression => ({ kind: 'class', ranges: rangesOf(ends), negated: true })

const rangesOf = (ends: readonly string[]) =>
  ends.map((pair): [number, number] => {
    const points = [...pair].map((character) => character.codePointAt(0)!)
    return [points[0]!, points.at(-1)!]
  })
