import { usageError } from '@qt/core'
import { Tokenizer } from '@qt/tokenizer'
import { type Adapter, openModel, readAdapter, resolve } from '@qt/weights'
import type { CacheType } from '../binding.js'
import { requireSupportedModel } from '../supported.js'
import { adapterSet } from './adapter-set.js'
import { lanes } from './lanes.js'
import { type NativeModel, nativeModel } from './native-model.js'
import { openSession } from './open-session.js'
import { scheduler } from './scheduler.js'

export interface LoadOptions {
  /** PEFT folders, laid over the model together. */
  readonly adapters?: readonly string[]
  readonly threads?: number
  /** Where it computes: cpu, or an NVIDIA GPU by its number: cuda, cuda:1. Left out: cpu. */
  readonly device?: string
  /**
   * Left out: answers are computed fast (prompts in bfloat16, single tokens with 8-bit activations where weights are stored in
   * blocks), scores exactly. float32: both exactly. bfloat16: both fast.
   */
  readonly precision?: 'float32' | 'bfloat16'
  /** How keys and values are kept; left out: float16, or float32 where that is the precision. int8 takes half of float16. */
  readonly cache?: CacheType
  /** Requests answered at the same time (default 8), sharing each pass over the weights; more wait in line. */
  readonly parallel?: number
  /** Tokens of prompt and answer together; left out: what the model was made for, at most 8192. */
  readonly contextLength?: number
  /**
   * Read again only what is new in a prompt: for conversations. Sums then run in another order than for a prompt read whole, so
   * without it an answer follows from its prompt alone, to the last bit.
   */
  readonly reusePrompts?: boolean
  readonly signal?: AbortSignal
}

const usualContext = 8192

/**
 * Loads a GGUF file or a Hugging Face folder for generation. The weights stay as they lie in the file, mapped.
 *
 * @example
 * ```ts
 * const model = await load('model.gguf', { adapters: ['runs/my-run/adapter'] })
 * try {
 *   for await (const text of model.stream([{ role: 'user', content: 'I search the altar' }])) process.stdout.write(text)
 * } finally {
 *   await model.close()
 * }
 * ```
 */
export async function load(path: string, options: LoadOptions = {}): Promise<NativeModel> {
  const { signal, threads, precision, parallel = 8 } = options
  requireCount('threads', threads, 1024)
  requireCount('parallel', parallel, 64)
  const model = await openModel(await resolve(path, { signal }), { signal })
  requireSupportedModel(model)
  if (model.tokenizerFile === undefined)
    throw usageError('TOKENIZER_MISSING', `${model.path} has no tokenizer, so it cannot read or write text.`, {
      where: { file: model.path },
      actions: ['Put its tokenizer.json into the folder.'],
    })
  const tokenizer = await Tokenizer.load(model.tokenizerFile)
  signal?.throwIfAborted()
  const contextLength = options.contextLength ?? Math.min(model.spec.contextLength, usualContext)
  const fast = precision !== 'float32'
  const cache = options.cache ?? (fast ? 'float16' : 'float32')
  const { session, ownCaches } = openSession(model, { contextLength, fast, cache, parallel, threads, device: options.device })
  const exact = { answers: !fast, scores: precision !== 'bfloat16' }
  const shared = scheduler(session, model.name, exact.scores, ownCaches)
  const adapters = async (paths: readonly string[]): Promise<number> => {
    const list: Adapter[] = []
    for (const folder of paths) list.push(await readAdapter(folder, model.spec))
    if (shared.closed) throw shared.wasClosed()
    return list.length === 0 ? 0 : session.addAdapters(adapterSet(list, paths))
  }
  try {
    const first = await adapters(options.adapters ?? [])
    signal?.throwIfAborted()
    return nativeModel(
      {
        name: model.name,
        description: model.description,
        session,
        scheduler: shared,
        lanes: lanes({
          session,
          scheduler: shared,
          type: cache,
          most: parallel,
          reuse: options.reusePrompts ?? false,
        }),
        tokenizer,
        contextLength,
        exact,
        adapters,
      },
      first,
    )
  } catch (error) {
    await shared.close()
    throw error
  }
}

function requireCount(field: string, value: number | undefined, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= most)) return
  throw usageError('GENERATE_OPTION', `${field} cannot be ${value}.`, {
    where: { field },
    actions: [`Give a whole number from 1 to ${most}.`],
  })
}
