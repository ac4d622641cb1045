import { usageError } from '@qt/core'
import type { Vartype } from '../quadratic.js'

/** What the visitor of an expression sees: coefficient times the product of variables (none for a constant). */
export type VisitTerm = (coefficient: number, variables: readonly Variable[]) => void
/** The same for a product of two, without a list: most terms of most models. */
export type VisitProduct = (coefficient: number, first: Variable, second: Variable) => void

/** A polynomial of variables. Expressions never change; every method makes a new one. */
export abstract class Expression {
  /** Every term times `scale`; the same product may come more than once. Products of two go to `pair` where there is one. */
  abstract visit(visitor: VisitTerm, scale?: number, pair?: VisitProduct): void

  plus(other: Expression | number): Expression {
    return new Sum([this, expressionOf(other)])
  }

  minus(other: Expression | number): Expression {
    return new Sum([this, expressionOf(other).times(-1)])
  }

  times(other: Expression | number): Expression {
    if (typeof other === 'number') return new Scaled(this, other)
    const products = new Expanded()
    this.visit((a, left) => {
      other.visit((b, right) => products.add(a * b, left, right))
    })
    return products.whole()
  }

  squared(): Expression {
    const terms: [number, readonly Variable[]][] = []
    this.visit((coefficient, variables) => {
      terms.push([coefficient, variables])
    })
    const products = new Expanded()
    for (const [i, [a, left]] of terms.entries()) {
      products.add(a * a, left, left)
      for (let j = i + 1; j < terms.length; j++) products.add(2 * a * terms[j]![0], left, terms[j]![1])
    }
    return products.whole()
  }

  eq(value: Expression | number): Constraint {
    return constraint(this, '=', value)
  }

  le(value: Expression | number): Constraint {
    return constraint(this, '≤', value)
  }

  ge(value: Expression | number): Constraint {
    return constraint(this, '≥', value)
  }

  /** Its value when each variable has the value that `bitOf` gives. */
  evaluate(bitOf: (variable: Variable) => number): number {
    let total = 0
    this.visit((coefficient, variables) => {
      let product = coefficient
      for (const variable of variables) product *= bitOf(variable)
      total += product
    })
    return total
  }
}

/** A coefficient times variables. */
export class Term extends Expression {
  constructor(
    readonly coefficient: number,
    readonly variables: readonly Variable[],
  ) {
    super()
  }

  override visit(visitor: VisitTerm, scale = 1): void {
    visitor(this.coefficient * scale, this.variables)
  }

  override times(other: Expression | number): Expression {
    if (typeof other === 'number') return new Term(this.coefficient * other, this.variables)
    if (other instanceof Term || other instanceof Product)
      return new Term(this.coefficient * other.coefficient, [...this.variables, ...other.variables])
    return super.times(other)
  }
}

/** A coefficient times two variables. There are many of them, so it has no list. */
export class Product extends Expression {
  constructor(
    readonly coefficient: number,
    readonly first: Variable,
    readonly second: Variable,
  ) {
    super()
  }

  get variables(): readonly Variable[] {
    return [this.first, this.second]
  }

  override visit(visitor: VisitTerm, scale = 1, pair?: VisitProduct): void {
    if (pair) pair(this.coefficient * scale, this.first, this.second)
    else visitor(this.coefficient * scale, this.variables)
  }

  override times(other: Expression | number): Expression {
    if (typeof other === 'number') return new Product(this.coefficient * other, this.first, this.second)
    return new Term(this.coefficient, this.variables).times(other)
  }
}

class Sum extends Expression {
  constructor(private readonly parts: readonly Expression[]) {
    super()
  }

  override visit(visitor: VisitTerm, scale = 1, pair?: VisitProduct): void {
    for (const part of this.parts) part.visit(visitor, scale, pair)
  }
}

/** Products as lists of what they are of: those of a generator or of sums need not be there one by one. */
class Products extends Expression {
  private readonly coefficients: number[] = []
  private readonly firsts: Variable[] = []
  private readonly seconds: Variable[] = []

  push(coefficient: number, first: Variable, second: Variable): void {
    this.coefficients.push(coefficient)
    this.firsts.push(first)
    this.seconds.push(second)
  }

  override visit(visitor: VisitTerm, scale = 1, pair?: VisitProduct): void {
    const { coefficients, firsts, seconds } = this
    for (let k = 0; k < coefficients.length; k++) {
      const [first, second] = [firsts[k]!, seconds[k]!]
      if (pair) pair(coefficients[k]! * scale, first, second)
      else visitor(coefficients[k]! * scale, [first, second])
    }
  }
}

/** What a product of sums is when it is multiplied out. */
class Expanded {
  private readonly products = new Products()
  private readonly others: Term[] = []

  add(coefficient: number, left: readonly Variable[], right: readonly Variable[]): void {
    if (left.length === 1 && right.length === 1) this.products.push(coefficient, left[0]!, right[0]!)
    else this.others.push(new Term(coefficient, [...left, ...right]))
  }

  whole(): Expression {
    return new Sum([...this.others, this.products])
  }
}

class Scaled extends Expression {
  constructor(
    private readonly inner: Expression,
    private readonly factor: number,
  ) {
    super()
  }

  override visit(visitor: VisitTerm, scale = 1, pair?: VisitProduct): void {
    this.inner.visit(visitor, scale * this.factor, pair)
  }
}

/** 0 or 1, or, for a spin, −1 or 1. */
export class Variable extends Expression {
  private readonly self: readonly Variable[]

  constructor(
    readonly label: string,
    readonly vartype: Vartype,
    readonly index: number,
    /** The model it belongs to. */
    readonly owner: object,
  ) {
    super()
    this.self = [this]
  }

  override visit(visitor: VisitTerm, scale = 1): void {
    visitor(scale, this.self)
  }

  override times(other: Expression | number): Expression {
    if (typeof other === 'number') return new Term(other, this.self)
    if (other instanceof Variable) return new Product(1, this, other)
    if (other instanceof Term || other instanceof Product) return new Term(other.coefficient, [this, ...other.variables])
    return super.times(other)
  }
}

/** `expression` relation 0. */
export interface Constraint {
  readonly expression: Expression
  readonly relation: '=' | '≤' | '≥'
}

function constraint(left: Expression, relation: Constraint['relation'], right: Expression | number): Constraint {
  return { expression: left.minus(right), relation }
}

export const expressionOf = (value: Expression | number): Expression => {
  if (value instanceof Expression) return value
  if (Number.isFinite(value)) return new Term(value, [])
  throw usageError('QUBO_NOT_FINITE', `A coefficient is ${value}.`, { actions: ['Every coefficient must be a finite number.'] })
}

/**
 * The sum of expressions and numbers. Of millions of products, give a generator rather than a list: they are then never all there at once.
 *
 * @example
 * ```ts
 * const m = model()
 * const total = sum(m.binaries('x', 4).map((x, i) => x.times(i)))
 * m.subjectTo(total.le(3))
 * ```
 */
export function sum(parts: Iterable<Expression | number>): Expression {
  if (Array.isArray(parts)) return new Sum(parts.map(expressionOf))
  const [products, others] = [new Products(), [] as Expression[]]
  for (const part of parts)
    if (part instanceof Product) products.push(part.coefficient, part.first, part.second)
    else others.push(expressionOf(part))
  return new Sum([...others, products])
}
