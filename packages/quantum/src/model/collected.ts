import { Expression, Product, sum, Term, type Variable, type VisitProduct, type VisitTerm } from './expression.js'

/** Everything that was said to be minimised: products of two as plain numbers, so that a million of them stay no objects. */
export class Collected extends Expression {
  private coefficients = new Float64Array(16)
  private firsts = new Uint32Array(16)
  private seconds = new Uint32Array(16)
  private count = 0
  private others: Term[] = []
  /** No spins among the products. */
  private binary = true
  // Made once: a term may be added a million times.
  private readonly addTerm: VisitTerm
  private readonly addProduct: VisitProduct

  /** Nothing yet; products are kept as numbers of these variables, which may become more. `check` throws where one is not among them. */
  constructor(
    private readonly variables: readonly Variable[],
    private readonly check: (variable: Variable) => void,
  ) {
    super()
    this.addTerm = (coefficient, all) => {
      if (all.length === 2) {
        this.append(coefficient, all[0]!, all[1]!)
        return
      }
      for (const variable of all) check(variable)
      this.others.push(new Term(coefficient, all))
    }
    this.addProduct = (coefficient, first, second) => this.append(coefficient, first, second)
  }

  /** How many products of two variables there are. */
  get products(): number {
    return this.count
  }

  /** The products as numbers of variables, where all are of bits: in lists of their own, for a model that is kept. */
  bitProducts() {
    if (!this.binary) return undefined
    const { firsts, seconds, coefficients, count } = this
    return { i: firsts.slice(0, count), j: seconds.slice(0, count), coefficients: coefficients.slice(0, count) }
  }

  /** What is left beside the products. */
  withoutProducts(): Expression {
    return sum(this.others)
  }

  /** Adds the terms of an expression times `scale`: all of them, or none where a variable is refused. */
  add(expression: Expression, scale: number): void {
    if (expression instanceof Product) {
      this.append(expression.coefficient * scale, expression.first, expression.second)
      return
    }
    const [count, others] = [this.count, this.others.length]
    try {
      expression.visit(this.addTerm, scale, this.addProduct)
    } catch (error) {
      this.count = count
      this.others.length = others
      throw error
    }
  }

  /** As it is now, whatever is added later: what lies in the arrays does not change. */
  snapshot(): Collected {
    const copy = new Collected(this.variables, this.check)
    copy.coefficients = this.coefficients
    copy.firsts = this.firsts
    copy.seconds = this.seconds
    copy.count = this.count
    copy.others = [...this.others]
    copy.binary = this.binary
    return copy
  }

  override visit(visitor: VisitTerm, scale = 1, pair?: VisitProduct): void {
    const { variables, coefficients, firsts, seconds, count } = this
    for (let k = 0; k < count; k++) {
      const [coefficient, first, second] = [coefficients[k]! * scale, variables[firsts[k]!]!, variables[seconds[k]!]!]
      if (pair) pair(coefficient, first, second)
      else visitor(coefficient, [first, second])
    }
    for (const other of this.others) other.visit(visitor, scale)
  }

  /** The smaller number first, as models have it: what comes in order then need not be sorted. */
  private append(coefficient: number, first: Variable, second: Variable): void {
    this.check(first)
    this.check(second)
    const at = this.count
    if (at === this.coefficients.length) this.grow()
    const [i, j] = [first.index, second.index]
    this.coefficients[at] = coefficient
    this.firsts[at] = Math.min(i, j)
    this.seconds[at] = Math.max(i, j)
    this.count = at + 1
    if (first.vartype !== 'binary' || second.vartype !== 'binary') this.binary = false
  }

  private grow(): void {
    // What is not written yet takes no memory, and copying again and again takes time.
    const size = 4 * this.coefficients.length
    const enlarged = <T extends Float64Array | Uint32Array>(from: T, into: T): T => {
      into.set(from)
      return into
    }
    this.coefficients = enlarged(this.coefficients, new Float64Array(size))
    this.firsts = enlarged(this.firsts, new Uint32Array(size))
    this.seconds = enlarged(this.seconds, new Uint32Array(size))
  }
}
