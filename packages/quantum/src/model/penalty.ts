import { usageError } from '@qt/core'
import { type Constraint, type Expression, sum, Term, Variable } from './expression.js'
import { type Monomial, polynomialOf } from './polynomial.js'

export type PenaltyMethod = 'slack' | 'unbalanced'

/** Makes bits for a slack; the model numbers them. */
export type NewBit = (label: string) => Variable

export interface Penalty {
  readonly expression: Expression
  /** About the most that one flip can change it. */
  readonly field: number
  /** In coarser units than those of the constraint. */
  readonly rounded?: boolean
}

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
 * A slack counts in coarser units where a flip could change the penalty by more than `largestField`: coefficients are rounded up, so
 * that what fits in these units fits. Unbalanced penalties need no further bits, but do not hold exactly (Montañez-Barrera et al., arXiv 2211.13914).
 */
export function penaltyOf(
  constraint: Constraint,
  label: string,
  method: PenaltyMethod,
  newBit: NewBit,
  largestField = Number.POSITIVE_INFINITY,
): Penalty {
  const expression = constraint.relation === '≥' ? constraint.expression.times(-1) : constraint.expression
  const monomials = polynomialOf(expression)
  const { low, high } = rangeOf(monomials)
  if (constraint.relation === '=') {
    if (low > 0 || high < 0) throw impossible(label)
    if (low === high) return { expression: sum([]), field: 0 }
    const unit = unitOf(monomials) ?? Math.min(1, largestOf(monomials))
    return { expression: expression.times(1 / unit).squared(), field: fieldOf(monomials, 0) / unit ** 2 }
  }
  if (low > 0) throw impossible(label)
  if (high <= 0) return { expression: sum([]), field: 0 }
  const atMostOne = pairsOf(monomials, expression)
  if (atMostOne) return { expression: atMostOne, field: monomials.length }
  if (method === 'unbalanced') {
    // h = −expression ≥ 0 is wanted: exp(−h) to second order.
    return {
      expression: expression.times(0.96).plus(expression.squared().times(0.0331)),
      field: 0.0331 * fieldOf(monomials, 0) + 0.96 * largestOf(monomials),
    }
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
  const field = fieldOf(monomials, low)
  const coarser = Math.sqrt(field / largestField)
  if (coarser > unit)
    return {
      expression: slackPenalty(inUnits(monomials, coarser, expression), label, newBit),
      field: largestField,
      rounded: true,
    }
  const steps = Math.round(-low / unit)
  if (steps > 2 ** 40)
    throw usageError('QUBO_SLACK', `The constraint "${label}" would need a slack of ${steps} steps.`, {
      actions: ['Round its coefficients to coarser units.', "Or give it { method: 'unbalanced' }."],
    })
  return { expression: slackPenalty({ expression: expression.times(1 / unit), steps }, label, newBit), field: field / unit ** 2 }
}

interface Counted {
  readonly expression: Expression
  /** As far below 0 as the expression goes. */
  readonly steps: number
}

function slackPenalty({ expression, steps }: Counted, label: string, newBit: NewBit): Expression {
  const slack = countedBits(steps).map((weight, k) => newBit(`${label}.slack${k}`).times(weight))
  return sum([expression, ...slack]).squared()
}

/** About the most that one flip can change (expression + slack)², in squares of the expression's own units. */
function fieldOf(monomials: readonly Monomial[], low: number): number {
  const sizes = monomials.map(({ coefficient }) => Math.abs(coefficient))
  const largest = Math.max(-low / 2, ...sizes.filter((_, k) => monomials[k]!.bits.length > 0))
  return 2 * largest * (sizes.reduce((a, b) => a + b, 0) - low)
}

/** Rounded up: where Σ ⌈a/u⌉ x + ⌈c/u⌉ ≤ 0, Σ a x + c ≤ 0. */
function inUnits(monomials: readonly Monomial[], unit: number, given: Expression): Counted {
  const bitOf = new Map<number, Variable>()
  given.visit((_, variables) => {
    for (const { label, index, owner } of variables) bitOf.set(index, new Variable(label, 'binary', index, owner))
  })
  const whole = monomials.map(({ bits, coefficient }) => ({ bits, coefficient: Math.ceil(coefficient / unit - 1e-9) }))
  const expression = sum(
    whole.map(
      ({ bits, coefficient }) =>
        new Term(
          coefficient,
          bits.map((bit) => bitOf.get(bit)!),
        ),
    ),
  )
  return { expression, steps: Math.max(0, -rangeOf(whole).low) }
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

const largestOf = (monomials: readonly Monomial[]): number =>
  monomials.reduce((most, { coefficient }) => Math.max(most, Math.abs(coefficient)), 0)

/**
 * The largest number of which all coefficients are multiples, with at most six digits behind the point; where all of them are less than
 * 1, behind the first digit of the largest.
 */
function unitOf(monomials: readonly Monomial[]): number | undefined {
  const largest = largestOf(monomials)
  const first = Math.max(0, Math.ceil(-Math.log10(largest)))
  // What is nothing beside the largest is left over from a sum of decimals.
  const coefficients = monomials.map(({ coefficient }) => coefficient).filter((value) => Math.abs(value) > 1e-12 * largest)
  for (let digits = first; digits <= first + 6; digits++) {
    const whole = coefficients.map((value) => value * 10 ** digits)
    if (whole.some((value) => Math.abs(value) < 0.5 || Math.abs(value - Math.round(value)) > 1e-9 * Math.max(1, Math.abs(value))))
      continue
    return whole.reduce((unit, value) => divisor(unit, Math.abs(Math.round(value))), 0) / 10 ** digits
  }
  return undefined
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))

const impossible = (label: string) =>
  usageError('QUBO_IMPOSSIBLE', `The constraint "${label}" cannot hold, whatever the variables are.`, {
    actions: ['Check its sign and its right-hand side.'],
  })
