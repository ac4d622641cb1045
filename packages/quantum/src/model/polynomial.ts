import type { Expression, Variable, VisitProduct, VisitTerm } from './expression.js'

/** A product of different bits (their numbers ascend) and its coefficient. */
export interface Monomial {
  readonly bits: readonly number[]
  readonly coefficient: number
}

/** What is linear and quadratic goes straight to `accept`; what is higher is collected. */
export type AcceptTerm = (coefficient: number, bits: readonly number[]) => void

/** Takes a product of two different bits, without a list and in any order. */
export type AcceptProduct = (coefficient: number, i: number, j: number) => void

/**
 * The terms of an expression over bits: a spin is 2x − 1, and x x is x. Equal products may come more than once. Products of two bits go
 * to `acceptProduct` where there is one.
 */
export function overBits(expression: Expression, accept: AcceptTerm, scale = 1, acceptProduct?: AcceptProduct): void {
  const each: VisitTerm = (coefficient, variables) => {
    if (coefficient === 0) return
    const allBits = variables.every(({ vartype }) => vartype === 'binary')
    if (!allBits) spinTerm(coefficient, variables, accept)
    else if (variables.length === 0) accept(coefficient, none)
    else if (variables.length === 1) accept(coefficient, [variables[0]!.index])
    else accept(coefficient, unique(variables.map(({ index }) => index)))
  }
  const pair: VisitProduct | undefined =
    acceptProduct &&
    ((coefficient, first, second) => {
      if (first.vartype === 'binary' && second.vartype === 'binary' && first !== second && coefficient !== 0)
        acceptProduct(coefficient, first.index, second.index)
      else each(coefficient, [first, second])
    })
  expression.visit(each, scale, pair)
}

const none: readonly number[] = []

const unique = (bits: readonly number[]): readonly number[] => {
  if (bits.length === 2) {
    const [a, b] = [bits[0]!, bits[1]!]
    return a === b ? [a] : a < b ? bits : [b, a]
  }
  return [...new Set(bits)].sort((a, b) => a - b)
}

/** s s = 1, so only spins that occur an odd number of times stay; each is 2x − 1. */
function spinTerm(coefficient: number, variables: readonly Variable[], accept: AcceptTerm): void {
  const odd = new Set<number>()
  const bits = new Set<number>()
  for (const { vartype, index } of variables) {
    if (vartype === 'binary') bits.add(index)
    else if (!odd.delete(index)) odd.add(index)
  }
  const spins = [...odd]
  for (let subset = 0; subset < 2 ** spins.length; subset++) {
    const chosen = spins.filter((_, k) => Math.floor(subset / 2 ** k) % 2 === 1)
    const sign = (spins.length - chosen.length) % 2 === 0 ? 1 : -1
    accept(coefficient * sign * 2 ** chosen.length, unique([...bits, ...chosen]))
  }
}

/** The terms of an expression over bits, equal products added up, zeros left out; the constant has no bits. */
export function polynomialOf(expression: Expression): Monomial[] {
  const found = new Map<string, { bits: readonly number[]; coefficient: number }>()
  overBits(expression, (coefficient, bits) => {
    const key = bits.join(' ')
    const there = found.get(key)
    if (there) there.coefficient += coefficient
    else found.set(key, { bits, coefficient })
  })
  return [...found.values()].filter(({ coefficient }) => coefficient !== 0)
}
