import { z } from 'zod'

// Only what is used is demanded; the service adds fields as it likes.
export const sasSchema = z.object({ sasUri: z.string().min(1) })

const costSchema = z.looseObject({ currencyCode: z.string().nullish(), estimatedTotal: z.number().nullish() })

export const jobSchema = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  providerId: z.string().nullish(),
  target: z.string().nullish(),
  inputDataFormat: z.string().nullish(),
  outputDataFormat: z.string().nullish(),
  outputDataUri: z.string().nullish(),
  containerUri: z.string().nullish(),
  sessionId: z.string().nullish(),
  creationTime: z.string().nullish(),
  beginExecutionTime: z.string().nullish(),
  endExecutionTime: z.string().nullish(),
  costEstimate: costSchema.nullish(),
  errorData: z.looseObject({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
})

export const sessionSchema = z.looseObject({ id: z.string(), name: z.string().nullish(), status: z.string().nullish() })

export const providerSchema = z.looseObject({
  id: z.string(),
  currentAvailability: z.string().nullish(),
  targets: z
    .array(
      z.looseObject({
        id: z.string(),
        currentAvailability: z.string().nullish(),
        averageQueueTime: z.number().nullish(),
        numQubits: z.number().nullish(),
      }),
    )
    .nullish(),
})

export const quotaSchema = z.looseObject({
  dimension: z.string().nullish(),
  scope: z.string().nullish(),
  providerId: z.string().nullish(),
  utilization: z.number().nullish(),
  holds: z.number().nullish(),
  limit: z.number().nullish(),
  period: z.string().nullish(),
})

export const workspaceSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  location: z.string(),
  properties: z.looseObject({ endpointUri: z.string().nullish(), workspaceKind: z.string().nullish() }).nullish(),
})

/** A page of a list. */
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ value: z.array(item), nextLink: z.string().nullish() })
