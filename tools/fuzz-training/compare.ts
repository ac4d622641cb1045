import type { Outcome } from './carry-out.js'
import type { Comparison, Way } from './draw-ways.js'
import type { Job } from './job.js'
import type { Numbers, Result } from './result.js'

/** What two ways of a job do not have in common; `kind` stays the same while a job is made smaller. */
export interface Difference {
  readonly kind: string
  readonly text: string
}

export function differenceOf(
  job: Job,
  { ways, alike }: Comparison,
  outcomes: readonly [Outcome, Outcome],
): Difference | undefined {
  const [a, b] = outcomes
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.how === 'broken')
      return { kind: `broken ${outcome.why.slice(0, 40)}`, text: `${nameOf(ways[i]!)}: ${outcome.why}` }
    if (outcome.how === 'refused' && outcome.problem.kind === 'usage' && outcome.begun && !ways[i]!.stops)
      return { kind: 'refused late', text: `${nameOf(ways[i]!)}: refused after it had begun: ${outcome.problem.code}` }
  }
  if (alike === 'rounding' && isWild(job)) return undefined
  if (a.how === 'refused' && b.how === 'refused')
    return a.problem.code === b.problem.code
      ? undefined
      : {
          kind: 'refused differently',
          text: `${a.problem.code} (${a.problem.message}) and ${b.problem.code} (${b.problem.message})`,
        }
  if (a.how === 'refused' || b.how === 'refused') {
    const [refused, way] = a.how === 'refused' ? [a, ways[0]] : b.how === 'refused' ? [b, ways[1]] : [undefined, ways[0]]
    const { code, field, message } = refused!.problem
    // What processes that share blocks do not do is told by this field alone.
    if ((way.training?.tensorParallel ?? 1) > 1 && (field === 'training.tensorParallel' || field === 'training.deterministic'))
      return undefined
    return {
      kind: `refused ${code}`,
      text: `${nameOf(way)} is refused, and the other way not: ${code} ${field ?? ''} ${message}`,
    }
  }
  if (a.how !== 'trained' || b.how !== 'trained') return undefined
  if (alike === 'everything') return sameFiles(a.result, b.result)
  return alike === 'numbers' ? within(a.result, b.result, exact, job) : within(a.result, b.result, tolerancesOf(job, ways), job)
}

/** Numbers that nobody means: what is not finite for one may be for another. */
const isWild = ({ config: { training } }: Job): boolean =>
  [training.learningRate, training.epsilon, training.weightDecay, training.embeddingNoise, training.preferenceStrength].some(
    (value = 1) => value > 100,
  )

export const nameOf = (way: Way): string => (Object.keys(way).length === 0 ? 'alone' : JSON.stringify(way))

interface Tolerance {
  readonly loss: number
  readonly norm: number
  /** Of a tensor, by as much as steps of the learning rate would change it. */
  readonly weights: number
}

/** Of what the first step computes, before anything is updated, and of everything after it. */
interface Tolerances {
  readonly first: Tolerance
  readonly later: Tolerance
}

const equal: Tolerance = { loss: 0, norm: 0, weights: 0 }
const exact: Tolerances = { first: equal, later: equal }

const close: Tolerance = { loss: 1e-5, norm: 1e-4, weights: 2e-2 }

function tolerancesOf({ config: { training } }: Job, ways: Comparison['ways']): Tolerances {
  const coarse = training.precision === 'bfloat16'
  // Its products of bfloat16 are added in another order.
  const otherOrder = ways.some(({ device, training }) => device === 'cuda' || (training?.tensorParallel ?? 1) > 1)
  const first = coarse && otherOrder ? { loss: 3e-2, norm: 0.2, weights: 1 } : close
  const { optimizer = 'adamw', epsilon = 1e-8 } = training
  // A step is as long where a gradient is nearly nothing, whose sign may then differ.
  const touchy = optimizer === 'adamw' ? epsilon < 1e-6 : optimizer !== 'sgd'
  if (coarse) return { first, later: { loss: 5e-2, norm: 0.5, weights: 2 } }
  return { first, later: touchy ? { loss: 1e-2, norm: 0.2, weights: 1 } : { loss: 1e-4, norm: 1e-3, weights: 2e-2 } }
}

function sameFiles(a: Result, b: Result): Difference | undefined {
  const names = [...new Set([...a.files.keys(), ...b.files.keys()])].sort()
  const other = names.filter((name) => a.files.get(name) !== b.files.get(name))
  if (other.length === 0) return undefined
  const [events, theirs] = [a, b].map(({ files }) => (files.get('events') ?? '').split('\n')) as [string[], string[]]
  const line = events.findIndex((event, i) => event !== theirs[i])
  const said = other.includes('events') ? `\n  ${events[line]}\n  ${theirs[line]}` : ''
  return { kind: 'bytes', text: `other bytes in ${other.join(', ')}${said}` }
}

function within(a: Result, b: Result, { first, later }: Tolerances, job: Job): Difference | undefined {
  for (const what of ['steps', 'validations'] as const) {
    const [ours, theirs] = [a[what], b[what]]
    if (ours.length !== theirs.length) return { kind: what, text: `${ours.length} and ${theirs.length} ${what}` }
    for (const [i, numbers] of ours.entries()) {
      const found = numbersDiffer(numbers, theirs[i]!, what === 'steps' && i === 0 ? first : later)
      if (found)
        return { kind: `${what} ${found}`, text: `${found} of ${what}: ${JSON.stringify(ours)} and ${JSON.stringify(theirs)}` }
    }
  }
  const length = job.config.training.learningRate ?? 1e-3
  const names = [...new Set([...a.tensors.keys(), ...b.tensors.keys()])]
  for (const name of names) {
    const [ours, theirs] = [a.tensors.get(name), b.tensors.get(name)]
    if (ours?.length !== theirs?.length || !ours || !theirs)
      return { kind: 'tensors', text: `${name} has ${ours?.length} and ${theirs?.length} numbers` }
    const error = Math.sqrt(ours.reduce((sum, x, i) => sum + (x - theirs[i]!) ** 2, 0))
    const size = Math.max(Math.hypot(...theirs) * 1e-3, length * Math.sqrt(ours.length))
    if (!(error <= later.weights * size))
      return { kind: 'weights', text: `${name} differs by ${error / size} (allowed: ${later.weights})` }
  }
  return undefined
}

function numbersDiffer(a: Numbers, b: Numbers, { loss, norm }: Tolerance): string | undefined {
  return Object.keys(a).find((key) => {
    const [x, y] = [a[key]!, b[key]!]
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) return false
    if (key === 'loss') return !(Math.abs(x - y) <= loss * Math.max(1, Math.abs(y)))
    if (key === 'gradNorm') return !(Math.abs(x - y) <= norm * Math.max(1e-3, Math.abs(y)))
    // A word that is as likely as another may be the first of either.
    if (key === 'tokenAccuracy') return loss === 0 || Math.abs(x - y) > 0.2
    return true
  })
}
