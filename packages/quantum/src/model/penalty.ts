import { usageError } from '@qt/core'
import { type Constraint, type Expression, sum, Term, type Variable } from './expression.js'
import { type Monomial, polynomialOf } from './polynomial.js'

export type PenaltyMethod = 'slack' | 'unbalanced'

/** Makes bits for a slack; the model numbers them. */
export type NewBit = (label: string) => Variable

/** How far an expression can go, by its coefficients. */
export function rangeOf(monomials: readonly Monomial[]): { low: number; high: number } {
  let [low, high] = [0, 0]
  for (const { bits, coefficient } of monomials) {
    if (bits.length === 0) {
      low += coefficient
      high += coefficient
    } else if (coefficient > 0) high += coefficient
    else low += coefficient
  }
  return { low, high }
}

/**
 * An expression that is 0 where the constraint holds and at least 1 where it does not (for the unbalanced method: small and large).
 * Unbalanced penalties need no further bits, but do not hold exactly (Montañez-Barrera et al., arXiv 2211.13914).
 */
export function penaltyOf(constraint: Constraint, label: string, method: PenaltyMethod, newBit: NewBit): Expression {
  const expression = constraint.relation === '≥' ? constraint.expression.times(-1) : constraint.expression
  const monomials = polynomialOf(expression)
  const { low, high } = rangeOf(monomials)
  if (constraint.relation === '=') {
    if (low > 0 || high < 0) throw impossible(label)
    if (low === high) return sum([])
    const unit = unitOf(monomials)
    return expression.times(1 / (unit ?? 1)).squared()
  }
  if (low > 0) throw impossible(label)
  if (high <= 0) return sum([])
  const atMostOne = pairsOf(monomials, expression)
  if (atMostOne) return atMostOne
  if (method === 'unbalanced') {
    // h = −expression ≥ 0 is wanted: exp(−h) to second order.
    return expression.times(0.96).plus(expression.squared().times(0.0331))
  }
  const unit = unitOf(monomials)
  if (unit === undefined)
    throw usageError(
      'QUBO_SLACK',
      `The coefficients of the constraint "${label}" have no common unit, so it cannot have a slack.`,
      {
        actions: ['Round its coefficients, for example to three digits.', "Or give it { method: 'unbalanced' }."],
      },
    )
  const steps = Math.round(-low / unit)
  if (steps > 2 ** 40)
    throw usageError('QUBO_SLACK', `The constraint "${label}" would need a slack of ${steps} steps.`, {
      actions: ['Round its coefficients to coarser units.', "Or give it { method: 'unbalanced' }."],
    })
  const slack = countedBits(steps).map((weight, k) => newBit(`${label}.slack${k}`).times(weight))
  return sum([expression.times(1 / unit), ...slack]).squared()
}

/** Weights 1, 2, 4, … and a rest, whose subsets sum to every whole number from 0 to `most`. */
export function countedBits(most: number): number[] {
  const weights: number[] = []
  let left = most
  for (let weight = 1; left > 0; weight *= 2) {
    weights.push(Math.min(weight, left))
    left -= Math.min(weight, left)
  }
  return weights
}

/** At most one of n bits, Σx ≤ 1, is Σ x_i x_j = 0: no slack is needed. */
function pairsOf(monomials: readonly Monomial[], expression: Expression): Expression | undefined {
  const constant = monomials.find(({ bits }) => bits.length === 0)?.coefficient ?? 0
  const linear = monomials.filter(({ bits }) => bits.length === 1)
  const same = linear[0]?.coefficient ?? 0
  if (
    same <= 0 ||
    constant !== -same ||
    linear.length + 1 !== monomials.length ||
    linear.some(({ coefficient }) => coefficient !== same)
  )
    return undefined
  const variables = new Map<number, Variable>()
  let plain = true
  expression.visit((_, product) => {
    if (product.length > 1 || product[0]?.vartype === 'spin') plain = false
    for (const variable of product) variables.set(variable.index, variable)
  })
  if (!plain) return undefined
  const bits = linear.map((monomial) => variables.get(monomial.bits[0]!)!)
  return sum(bits.flatMap((x, i) => bits.slice(i + 1).map((y) => new Term(1, [x, y]))))
}

/** The largest number of which all coefficients are multiples, with at most six digits behind the point. */
function unitOf(monomials: readonly Monomial[]): number | undefined {
  for (let digits = 0; digits <= 6; digits++) {
    const whole = monomials.map(({ coefficient }) => coefficient * 10 ** digits)
    if (whole.some((value) => Math.abs(value - Math.round(value)) > 1e-9 * Math.max(1, Math.abs(value)))) continue
    return whole.reduce((unit, value) => divisor(unit, Math.abs(Math.round(value))), 0) / 10 ** digits
  }
  return undefined
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))

const impossible = (label: string) =>
  usageError('QUBO_IMPOSSIBLE', `The constraint "${label}" cannot hold, whatever the variables are.`, {
    actions: ['Check its sign and its right-hand side.'],
  })
