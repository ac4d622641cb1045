import { z } from 'zod'
import { badAnswer } from '../request.js'

/** What a machine measured. */
export interface AzureCounts {
  /** By bit string, the first character being qubit 0: counts where `shots` is known, else probabilities. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly shots: number | undefined
}

const registers = z.record(z.string(), z.array(z.string().regex(/^[01]*$/)))
const readout = z.record(z.string(), z.array(z.array(z.union([z.literal(0), z.literal(1)]))))
const bits = z.array(z.union([z.number(), z.string()]))
const histogram2 = z.object({
  Results: z
    .array(z.looseObject({ Histogram: z.array(z.looseObject({ Outcome: z.unknown(), Display: z.string(), Count: z.number() })) }))
    .min(1),
})

/** One reader for each output format of Azure Quantum's providers. */
const readers: Readonly<Record<string, (json: unknown) => AzureCounts>> = {
  // Keys are whole numbers whose lowest bit is qubit 0; values are probabilities.
  'ionq.quantum-results.v1'(json) {
    const { histogram, qubits } = shape(
      z.looseObject({ histogram: z.record(z.string().regex(/^\d+$/), z.number()), qubits: z.coerce.number().nullish() }),
      json,
    )
    const keys = Object.keys(histogram).map(BigInt)
    const widest = keys.reduce((most, key) => Math.max(most, key.toString(2).length), 1)
    const width = Math.max(widest, qubits ?? 0)
    const outcomes = new Map(
      Object.entries(histogram).map(([key, share]) => [reversed(BigInt(key).toString(2).padStart(width, '0')), share]),
    )
    return { outcomes, shots: undefined }
  },
  // A list of readings for each register, written as numbers are: the last bit first.
  'honeywell.quantum-results.v1': (json) => shotsOf(Object.values(shape(registers, json)), (reading) => reversed(reading)),
  'honeywell.qasm-results.v1': (json) => shotsOf(Object.values(shape(registers, json)), (reading) => reversed(reading)),
  'rigetti.quil-results.v1': (json) => shotsOf(Object.values(shape(readout, json)), (reading) => reading.join('')),
  'pasqal.pulser-results.v1': (json) => counted(shape(z.record(z.string().regex(/^[01]+$/), z.number()), json)),
  'pasqal.pulse-results.v1': (json) => counted(shape(z.record(z.string().regex(/^[01]+$/), z.number()), json)),
  // A flat list: outcome, probability, outcome, probability …
  'microsoft.quantum-results.v1'(json) {
    const { Histogram: list } = shape(z.looseObject({ Histogram: bits }), json)
    const outcomes = new Map<string, number>()
    for (let k = 0; k + 1 < list.length; k += 2) add(outcomes, String(list[k]).replace(/[^01]/g, ''), Number(list[k + 1]))
    return { outcomes, shots: undefined }
  },
  'microsoft.quantum-results.v2'(json) {
    const { Results } = shape(histogram2, json)
    if (Results.length > 1) throw badAnswer('the output holds several circuits; read it with output() and take one at a time')
    const outcomes = new Map<string, number>()
    for (const { Display, Count } of Results[0]!.Histogram) add(outcomes, Display.replace(/[^01]/g, ''), Count)
    return { outcomes, shots: total(outcomes) }
  },
}

/** Reads the output of a job by its format. */
export function countsOf(format: string, output: Uint8Array): AzureCounts {
  const read = readers[format]
  if (read === undefined)
    throw badAnswer(`the output has the format "${format}", which is none of ${Object.keys(readers).join(', ')}`)
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(output))
  } catch {
    throw badAnswer('the output is no JSON')
  }
  const counts = read(json)
  const lengths = new Set([...counts.outcomes.keys()].map((outcome) => outcome.length))
  if (lengths.size !== 1) throw badAnswer('the output holds no bit strings of one length')
  return counts
}

function shape<T>(schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw badAnswer(`the output is not of its format (${issue?.path.join('.') || 'the whole'}: ${issue?.message})`)
}

/** Registers side by side, shot by shot. */
function shotsOf<T>(lists: readonly (readonly T[])[], text: (reading: T) => string): AzureCounts {
  const shots = lists[0]?.length ?? 0
  if (lists.some(({ length }) => length !== shots)) throw badAnswer('the registers of the output have different numbers of shots')
  const outcomes = new Map<string, number>()
  for (let shot = 0; shot < shots; shot++) add(outcomes, lists.map((list) => text(list[shot]!)).join(''), 1)
  return { outcomes, shots }
}

function counted(record: Readonly<Record<string, number>>): AzureCounts {
  const outcomes = new Map(Object.entries(record))
  return { outcomes, shots: total(outcomes) }
}

const total = (outcomes: ReadonlyMap<string, number>): number => [...outcomes.values()].reduce((a, b) => a + b, 0)
const reversed = (text: string): string => [...text].reverse().join('')
const add = (outcomes: Map<string, number>, outcome: string, value: number): void => {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + value)
}

/**
 * The pairs of formats that providers take and give, for the circuits that this package writes: `ionqCircuit`, `openQasm` with
 * `{ version: 2 }` (Quantinuum takes no other), `quil`.
 */
export const circuitFormats = {
  ionq: { inputDataFormat: 'ionq.circuit.v1', outputDataFormat: 'ionq.quantum-results.v1' },
  quantinuum: { inputDataFormat: 'honeywell.openqasm.v1', outputDataFormat: 'honeywell.quantum-results.v1' },
  rigetti: { inputDataFormat: 'rigetti.quil.v1', outputDataFormat: 'rigetti.quil-results.v1' },
  pasqal: { inputDataFormat: 'pasqal.pulser.v1', outputDataFormat: 'pasqal.pulser-results.v1' },
  qir: { inputDataFormat: 'qir.v1', outputDataFormat: 'microsoft.quantum-results.v2' },
} as const
