import { baseModelPath } from '@qt/base-model'
import { load, type NativeModel } from '@qt/trainer-native'
import OpenAI from 'openai'
import { onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { type ModelServer, type ServeOptions, serve } from '../src/index.js'

// A busy machine takes longer than the default five seconds.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let loaded: Promise<NativeModel> | undefined

/** The embedded base model, loaded once for a file of tests. */
export function baseModel(): Promise<NativeModel> {
  loaded ??= load(baseModelPath(), { threads: 1 })
  return loaded
}

/** A server of the base model on a free port, closed after the test. */
export async function server(options: ServeOptions = {}): Promise<ModelServer> {
  const running = await serve({ name: 'base', model: await baseModel() }, { port: 0, ...options })
  onTestFinished(() => running.close({ graceSeconds: 0 }))
  return running
}

/** OpenAI's own client, pointed at a server. */
export const client = ({ url }: ModelServer, apiKey = 'none'): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const failureSchema = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
})

/** The error that an answer is. */
export const failure = async (response: Response) => failureSchema.parse(await response.json()).error

const healthSchema = z.object({ status: z.string(), active: z.number(), waiting: z.number() })

export const health = async (url: string) => healthSchema.parse(await (await fetch(`${url}/health`)).json())
