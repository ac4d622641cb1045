import { createHash } from 'node:crypto'
import { access, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { type Embedder, usageError } from '@qt/core'
import type { ResolveOptions } from '@qt/weights'
import { findModelFiles, type ModelFiles, readFields } from './model-files.js'
import { openSession, type Session } from './session.js'
import { openTextEncoder } from './text-encoder.js'
import { VectorCache } from './vector-cache.js'

export const defaultModel = 'sentence-transformers/all-MiniLM-L6-v2'

export interface OpenEmbedderOptions extends Omit<ResolveOptions, 'cacheDir'> {
  /** Tokens that are read of a text, the two special ones included; the rest is cut off. Left out: 256, as sentence-transformers does. */
  readonly maxLength?: number | undefined
  /** Texts at once. Left out: 32; 1 for a model that quantises on the fly, where the texts of a batch change each other's vectors. */
  readonly batchSize?: number | undefined
  /** Left out: as many as the process may use. */
  readonly threads?: number | undefined
  /** A folder that keeps vectors between runs. Left out: nothing is kept. */
  readonly cache?: string | undefined
  /** Where models of the hub are kept. */
  readonly hubCache?: string | undefined
}

/** An embedder that holds a model open. Its vectors have length 1, so that their dot product is their cosine. */
export interface SentenceEmbedder extends Embedder {
  /** The file of the model. */
  readonly model: string
  readonly batchSize: number
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens a sentence model: a folder with model.onnx (or model_quantized.onnx), tokenizer.json and config.json, one .onnx file of such a
 * folder, or a repository of the hub.
 *
 * @example
 * ```ts
 * const embedder = await openEmbedder('models/all-MiniLM-L6-v2', { cache: '.cache/vectors' })
 * const [chapel, church] = await embedder.embed(['a ruined chapel', 'an old church'])
 * await embedder.close()
 * ```
 */
export async function openEmbedder(model: string = defaultModel, options: OpenEmbedderOptions = {}): Promise<SentenceEmbedder> {
  const { revision, token, endpoint, signal, onProgress, hubCache } = options
  const maxLength = whole('maxLength', options.maxLength ?? 256, 3)
  const threads = whole('threads', options.threads ?? availableParallelism(), 1)
  if (options.batchSize !== undefined) whole('batchSize', options.batchSize, 1)
  const files = await findModelFiles(model, { revision, token, endpoint, signal, onProgress, cacheDir: hubCache })
  const config = await checkedConfig(files)
  const limit = Math.min(maxLength, config.positions ?? maxLength)
  const encoder = await openTextEncoder(files.tokenizer, limit)
  const session = await openSession(files.graph, { threads, dimensions: config.dimensions, padId: encoder.padId })
  const batchSize = options.batchSize ?? (session.quantisesOnTheFly ? 1 : 32)
  try {
    const cache =
      options.cache === undefined ? undefined : await openCache(options.cache, files, session, `${limit} ${batchSize}`)
    return embedderOf({ files, encode: encoder.encode, session, batchSize, cache })
  } catch (error) {
    await session.close()
    throw error
  }
}

interface Parts {
  readonly files: ModelFiles
  readonly encode: (text: string) => Uint32Array
  readonly session: Session
  readonly batchSize: number
  readonly cache: VectorCache | undefined
}

function embedderOf({ files, encode, session, batchSize, cache }: Parts): SentenceEmbedder {
  const embed = async (texts: readonly string[], { signal }: { signal?: AbortSignal | undefined } = {}) => {
    const known = new Map<string, Float32Array>()
    const missing: { readonly text: string; readonly ids: Uint32Array }[] = []
    const seen = new Set<string>()
    for (const text of texts) {
      if (seen.has(text)) continue
      seen.add(text)
      const vector = await cache?.get(text)
      if (vector) known.set(text, vector)
      else missing.push({ text, ids: encode(text) })
    }
    // Alike lengths together, so that little of a batch is padding.
    missing.sort((a, b) => b.ids.length - a.ids.length)
    for (let from = 0; from < missing.length; from += batchSize) {
      signal?.throwIfAborted()
      const batch = missing.slice(from, from + batchSize)
      const vectors = await session.run(batch.map(({ ids }) => ids))
      const made = batch.map(({ text }, index) => [text, vectors[index]!] as const)
      for (const [text, vector] of made) known.set(text, vector)
      await cache?.add(made)
    }
    // A vector of its own for each: callers may write into theirs.
    return texts.map((text) => known.get(text)!.slice())
  }
  const close = async () => {
    await session.close()
    await cache?.close()
  }
  return { model: files.graph, dimensions: session.dimensions, batchSize, embed, close, [Symbol.asyncDispose]: close }
}

/** What config.json says of sizes; refused is what pools in another way. */
async function checkedConfig(files: ModelFiles): Promise<{ dimensions: number | undefined; positions: number | undefined }> {
  const pooling = await readFields(files.pooling)
  if (pooling.size > 0 && pooling.get('pooling_mode_mean_tokens') !== true)
    throw usageError('EMBED_MODEL', 'The model does not pool by the mean of its tokens, the one way known here.', {
      where: { file: files.pooling ?? files.graph, field: 'pooling_mode_mean_tokens' },
      actions: ['Use all-MiniLM-L6-v2, or another model that pools by the mean.'],
    })
  const config = await readFields(files.config)
  const number = (field: string) => {
    const value = config.get(field)
    return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
  }
  return { dimensions: number('hidden_size'), positions: number('max_position_embeddings') }
}

/** A file for each model and way of reading, so that no vector of another one is ever given. */
async function openCache(folder: string, files: ModelFiles, session: Session, reading: string): Promise<VectorCache> {
  const hash = createHash('sha256')
  // Larger models have their weights in a file beside them.
  for (const file of [files.graph, `${files.graph}_data`, files.tokenizer]) {
    if (await access(file).catch(() => 'absent')) continue
    hash.update(await readFile(file))
  }
  const name = hash.update(reading).digest('hex').slice(0, 32)
  return VectorCache.open(join(folder, `${name}.vectors`), session.dimensions)
}

function whole(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw usageError('EMBED_OPTION', `${name} is a whole number from ${least} on, not ${value}.`, {
    where: { field: name },
    actions: ['Leave it out for what suits the model.'],
  })
}
