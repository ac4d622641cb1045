import { z } from 'zod'
import { badAnswer } from '../request.js'
import { Secret } from '../secret.js'

// Only what is used is demanded; the service adds fields as it likes.
export const sasSchema = z.object({ sasUri: z.string().min(1) })

const secretSchema = z.string().transform((text) => new Secret(text))

const costSchema = z.looseObject({ currencyCode: z.string().nullish(), estimatedTotal: z.number().nullish() })

export const jobSchema = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  providerId: z.string().nullish(),
  target: z.string().nullish(),
  inputDataFormat: z.string().nullish(),
  outputDataFormat: z.string().nullish(),
  // Signed: whoever has them may read and write, so no print of a job shows them.
  inputDataUri: secretSchema.nullish(),
  outputDataUri: secretSchema.nullish(),
  containerUri: secretSchema.nullish(),
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

/** The address of the next page. A key is not carried to another host, and a list is not ended before its end. */
export function nextPage(link: string, base: string): string {
  if (!URL.canParse(link, base)) throw badAnswer('the address of the next page of a list is none')
  const url = new URL(link, base)
  if (url.origin !== new URL(base).origin) throw badAnswer(`the next page of a list is said to be at another host, ${url.host}`)
  return url.href
}
