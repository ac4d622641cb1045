import { z } from 'zod'

/** A solver is named by a text, or by a name with the version of its working graph. */
export const identitySchema = z.union([
  z.string(),
  z.looseObject({ name: z.string(), version: z.looseObject({ graph_id: z.string().nullish() }).nullish() }),
])

export const solverSchema = z.looseObject({
  id: z.string().nullish(),
  identity: identitySchema.nullish(),
  status: z.string().nullish(),
  avg_load: z.number().nullish(),
  properties: z.looseObject({
    category: z.string().nullish(),
    qubits: z.array(z.number().int().nonnegative()).nullish(),
    couplers: z.array(z.tuple([z.number().int(), z.number().int()])).nullish(),
    topology: z.looseObject({ type: z.string(), shape: z.array(z.number()) }).nullish(),
    num_reads_range: z.tuple([z.number(), z.number()]).nullish(),
    supported_problem_types: z.array(z.string()).nullish(),
    minimum_time_limit: z.array(z.tuple([z.number(), z.number()])).nullish(),
    maximum_time_limit_hrs: z.number().nullish(),
  }),
})

export const problemSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  type: z.string().nullish(),
  solver: identitySchema.nullish(),
  label: z.string().nullish(),
  submitted_on: z.string().nullish(),
  solved_on: z.string().nullish(),
  error_message: z.string().nullish(),
  answer: z.unknown().optional(),
})

export const submittedSchema = z
  .array(z.union([problemSchema, z.looseObject({ error_code: z.number().nullish(), error_msg: z.string() })]))
  .length(1)

export const uploadSchema = z.looseObject({ id: z.string() })
export const uploadStatusSchema = z.looseObject({
  status: z.string(),
  parts: z.array(z.looseObject({ part_number: z.number(), checksum: z.string() })).nullish(),
})

const text64 = z.base64()
export const qpAnswerSchema = z.looseObject({
  format: z.literal('qp'),
  active_variables: text64,
  energies: text64,
  solutions: text64,
  num_occurrences: text64.nullish(),
  num_variables: z.number().int(),
  timing: z.record(z.string(), z.unknown()).nullish(),
})

const vectorSchema = z.looseObject({ data: z.array(z.number()) })
/** dimod's SampleSet as JSON, without bytes. */
export const sampleSetSchema = z.looseObject({
  format: z.literal('bq'),
  data: z.looseObject({
    num_variables: z.number().int(),
    num_rows: z.number().int(),
    sample_packed: z.boolean(),
    sample_data: z.looseObject({ data: z.array(z.array(z.number())) }),
    variable_type: z.enum(['SPIN', 'BINARY']),
    variable_labels: z.array(z.unknown()),
    vectors: z.looseObject({ energy: vectorSchema, num_occurrences: vectorSchema.nullish() }),
    info: z.record(z.string(), z.unknown()).nullish(),
  }),
})
