import { usageError } from '@qt/core'
import { badAnswer } from '../request.js'
import { qpAnswerSchema } from './schemas.js'

/** Fields and couplings of qubits. */
export interface QubitProblem {
  readonly linear: ReadonlyMap<number, number>
  /** i < j, each pair once. */
  readonly couplings: readonly (readonly [number, number, number])[]
}

export interface EncodedProblem {
  readonly format: 'qp'
  readonly lin: string
  readonly quad: string
}

/**
 * A problem as solvers of D-Wave take it: little-endian float64 in base64; `lin` for every qubit of the solver in its order, NaN for
 * those that are not used, `quad` for every coupler in its order whose both ends are.
 */
export function encodeQp(
  { linear, couplings }: QubitProblem,
  qubits: readonly number[],
  couplers: readonly (readonly [number, number])[],
): EncodedProblem {
  const values = new Map<string, number>()
  const active = new Set(linear.keys())
  for (const [i, j, value] of couplings) {
    active.add(i).add(j)
    const key = i < j ? `${i} ${j}` : `${j} ${i}`
    values.set(key, (values.get(key) ?? 0) + value)
  }
  const lin = qubits.map((qubit) => (active.has(qubit) ? (linear.get(qubit) ?? 0) : Number.NaN))
  const quad: number[] = []
  for (const [i, j] of couplers) {
    if (!active.has(i) || !active.has(j)) continue
    const key = i < j ? `${i} ${j}` : `${j} ${i}`
    quad.push(values.get(key) ?? 0)
    // A coupler that is listed in both directions counts once.
    values.delete(key)
  }
  const [missing] = values.keys()
  const there = new Set(qubits)
  const unknown = [...active].find((qubit) => !there.has(qubit))
  if (missing !== undefined || unknown !== undefined)
    throw usageError(
      'EMBEDDING_INVALID',
      missing === undefined
        ? `The solver has no qubit ${unknown}.`
        : `The solver has no coupler between the qubits ${missing.replace(' ', ' and ')}.`,
      { actions: ['Embed the problem into the qubits and couplers of this solver: findEmbedding, embedModel.'] },
    )
  return { format: 'qp', lin: base64OfDoubles(lin), quad: base64OfDoubles(quad) }
}

export interface QubitSamples {
  /** The qubits that were used. */
  readonly qubits: readonly number[]
  /** For each sample: 0 or 1 of each of these qubits; 0 is −1 for spins. */
  readonly bits: readonly Uint8Array[]
  readonly energies: Float64Array
  readonly occurrences: readonly number[]
  readonly timing: Readonly<Record<string, unknown>>
}

/** The answer of a solver: for each sample one bit for each used qubit, the highest bit of a byte first, padded to whole bytes. */
export function decodeQp(answer: unknown): QubitSamples {
  const parsed = qpAnswerSchema.safeParse(answer)
  if (!parsed.success) throw badAnswer(`the samples are not of the format qp (${parsed.error.issues[0]?.path.join('.')})`)
  const { active_variables, energies: energyText, solutions, num_occurrences, timing } = parsed.data
  const qubits = wholes(active_variables)
  const energies = doubles(energyText)
  const bytes = Buffer.from(solutions, 'base64')
  const width = Math.ceil(qubits.length / 8)
  const occurrences = num_occurrences ? wholes(num_occurrences) : Array.from(energies, () => 1)
  if (bytes.length !== width * energies.length || occurrences.length !== energies.length)
    throw badAnswer(`${bytes.length} bytes of samples do not fit ${energies.length} samples of ${qubits.length} qubits`)
  const bits = Array.from(energies, (_, row) =>
    Uint8Array.from(qubits, (_, k) => (bytes[row * width + (k >> 3)]! >> (7 - (k & 7))) & 1),
  )
  return { qubits, bits, energies, occurrences, timing: timing ?? {} }
}

function base64OfDoubles(values: readonly number[]): string {
  const buffer = Buffer.alloc(8 * values.length)
  values.forEach((value, k) => {
    buffer.writeDoubleLE(value, 8 * k)
  })
  return buffer.toString('base64')
}

function doubles(text: string): Float64Array {
  const buffer = Buffer.from(text, 'base64')
  if (buffer.length % 8 !== 0) throw badAnswer('a list of numbers ends in the middle of one')
  return Float64Array.from({ length: buffer.length / 8 }, (_, k) => buffer.readDoubleLE(8 * k))
}

function wholes(text: string): number[] {
  const buffer = Buffer.from(text, 'base64')
  if (buffer.length % 4 !== 0) throw badAnswer('a list of numbers ends in the middle of one')
  return Array.from({ length: buffer.length / 4 }, (_, k) => buffer.readInt32LE(4 * k))
}
