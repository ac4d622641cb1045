import { energyOf, type QuadraticModel, type Solution } from '../../quadratic.js'
import { badAnswer } from '../request.js'
import { sampleSetSchema } from './schemas.js'

/** One solution that a machine gave. */
export interface Sample {
  readonly solution: Solution
  /** By your model, whatever the machine said. */
  readonly energy: number
  /** How often it came. */
  readonly occurrences: number
  /** The share of chains whose qubits did not agree. */
  readonly brokenChains: number
}

/** The answer of a hybrid solver: dimod's SampleSet, bits packed into numbers of 32, the lowest first. */
export function decodeSampleSet(
  answer: unknown,
  model: QuadraticModel,
): { samples: Sample[]; timing: Readonly<Record<string, unknown>> } {
  const parsed = sampleSetSchema.safeParse(answer)
  if (!parsed.success) throw badAnswer(`the samples are not of the format bq (${parsed.error.issues[0]?.path.join('.')})`)
  const { num_variables, sample_packed, sample_data, variable_labels, vectors, info } = parsed.data.data
  if (num_variables !== model.size || variable_labels.length !== model.size)
    throw badAnswer(`the samples have ${num_variables} variables, the model ${model.size}`)
  const samples = sample_data.data.map((row, k): Sample => {
    if (row.length !== (sample_packed ? Math.ceil(num_variables / 32) : num_variables))
      throw badAnswer(`sample ${k} has another length`)
    const solution = new Uint8Array(model.size)
    for (let at = 0; at < num_variables; at++) {
      const label = Number(variable_labels[at])
      if (!(Number.isInteger(label) && label >= 0 && label < model.size))
        throw badAnswer(`there is no variable ${variable_labels[at]}`)
      const bit = sample_packed ? (row[at >> 5]! / 2 ** (at & 31)) & 1 : row[at]! > 0 ? 1 : 0
      solution[label] = bit
    }
    return {
      solution,
      energy: energyOf(model, solution),
      occurrences: vectors.num_occurrences?.data[k] ?? 1,
      brokenChains: 0,
    }
  })
  // Run time and charge time, in microseconds.
  return { samples: byEnergy(samples), timing: info ?? {} }
}

export const byEnergy = (samples: readonly Sample[]): Sample[] => samples.toSorted((a, b) => a.energy - b.energy)
