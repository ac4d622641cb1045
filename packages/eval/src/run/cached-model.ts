import { createHash } from 'node:crypto'
import { appendFile, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Generation, type Scoring, toolCallSchema, usageError } from '@qt/core'
import { makeFolder, namingFile } from '@qt/core/node'
import { z } from 'zod'
import type { AnyModel } from '../likelihood/model.js'
import { wrappedModel } from './wrapped-model.js'

export interface CachedModelOptions {
  /** JSON lines, one answer each; made when it is missing. */
  readonly file: string
  /** What tells this model from others: a hash of its files, or its address and name. */
  readonly modelId: string
}

const generationSchema = z.object({
  text: z.string(),
  tokens: z.number(),
  why: z.enum(['end', 'length', 'stop']),
  toolCalls: z.array(toolCallSchema).optional(),
})
/** Floats as base64 of their bytes. */
const continuationSchema = z.array(z.object({ logs: z.string(), greedy: z.boolean() }))

/**
 * A model that remembers on disk what it answered to the same question with the same settings, and how likely it found a text, so that an
 * evaluation that was stopped goes on where it was.
 *
 * @example
 * ```ts
 * const remembered = await cachedModel(model, { file: 'answers.jsonl', modelId: 'the SHA-256 of its file' })
 * ```
 */
export async function cachedModel(model: AnyModel, { file, modelId }: CachedModelOptions): Promise<AnyModel> {
  const store = await openStore(file)
  const key = (what: string, ...parts: readonly unknown[]) =>
    createHash('sha256')
      .update(JSON.stringify([modelId, what, ...parts]))
      .digest('hex')
  async function remembered<T>(at: string, schema: z.ZodType<T>, make: () => Promise<T>) {
    const known = schema.safeParse(store.get(at))
    if (known.success) return { value: known.data, remembered: true }
    const made = await make()
    await store.set(at, made)
    return { value: made, remembered: false }
  }
  const generate: AnyModel['generate'] = async (prompt, options = {}) => {
    const { signal: _signal, ...settings } = options
    const at = key('generate', prompt, settings)
    const answer = await remembered<Generation>(at, generationSchema, () => model.generate(prompt, options))
    return answer.remembered ? { ...answer.value, remembered: true } : answer.value
  }
  const { scoring } = model
  const scores: Scoring | undefined = scoring && {
    vocabularySize: scoring.vocabularySize,
    distributions: (ids, options) => scoring.distributions(ids, options),
    score: async (ids, options) =>
      floats(
        (await remembered(key('score', Array.from(ids)), z.string(), async () => bytes(await scoring.score(ids, options)))).value,
      ),
    ...(scoring.continuations
      ? {
          continuations: async (context, continuations, options) => {
            const at = key(
              'continuations',
              Array.from(context),
              continuations.map((one) => Array.from(one)),
            )
            const stored = await remembered(at, continuationSchema, async () =>
              (await scoring.continuations!(context, continuations, options)).map(({ logs, greedy }) => ({
                logs: bytes(logs),
                greedy,
              })),
            )
            return stored.value.map(({ logs, greedy }) => ({ logs: floats(logs), greedy }))
          },
        }
      : {}),
  }
  return wrappedModel(model, { generate, scoring: scores })
}

/** The model, with a memory where `cache` names one. A name does not tell a model from what it was before it was trained on. */
export async function rememberingModel(
  model: AnyModel,
  { cache, modelId }: { readonly cache?: string | undefined; readonly modelId?: string | undefined },
): Promise<AnyModel> {
  if (cache === undefined) return model
  if (modelId === undefined)
    throw usageError('EVAL_CACHE_MODEL', `Nothing tells the answers of ${model.name} in the cache from those of another model.`, {
      where: { field: 'modelId' },
      actions: ['Give modelId (evaluate: modelIds): a hash of the model and its adapters, or its address and name.'],
    })
  return cachedModel(model, { file: cache, modelId })
}

const bytes = (values: Float32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')

const floats = (text: string): Float32Array => {
  const buffer = Buffer.from(text, 'base64')
  return Float32Array.from({ length: buffer.length / 4 }, (_, i) => buffer.readFloatLE(4 * i))
}

interface Store {
  get(key: string): unknown
  set(key: string, value: unknown): Promise<void>
}

/** A line that a crash tore is passed over. */
async function openStore(file: string): Promise<Store> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const values = new Map<string, unknown>()
  for (const line of text.split('\n')) {
    const entry = readEntry(line)
    if (entry) values.set(entry.key, entry.value)
  }
  let start = text === '' || text.endsWith('\n') ? '' : '\n'
  await makeFolder(dirname(file))
  // One after the other, so that lines do not mix.
  let last: Promise<void> = Promise.resolve()
  return {
    get: (key) => values.get(key),
    set(key, value) {
      values.set(key, value)
      last = last.then(async () => {
        await appendFile(file, `${start}${JSON.stringify({ key, value })}\n`).catch((error: unknown) => {
          throw namingFile(error, file)
        })
        start = ''
      })
      return last
    },
  }
}

const entrySchema = z.object({ key: z.string(), value: z.unknown() })

function readEntry(line: string): z.infer<typeof entrySchema> | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
