import { projections, specForLength, usageError } from '@qt/core'
import { Tokenizer } from '@qt/tokenizer'
import { type Adapter, openModel, readAdapter, resolve } from '@qt/weights'
import { type AppliedAdapter, binding, forcedKernels, threadCount } from '../binding.js'
import { requireSupportedModel } from '../supported.js'
import { tensorSources } from '../train/base.js'
import { type NativeModel, nativeModel } from './native-model.js'

export interface LoadOptions {
  /** PEFT folders, laid over the model together. */
  readonly adapters?: readonly string[]
  readonly threads?: number
  /** bfloat16 reads long prompts faster; float32 is exact. */
  readonly precision?: 'float32' | 'bfloat16'
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
  const { signal, threads } = options
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw usageError('GENERATE_OPTION', `threads cannot be ${threads}.`, {
      where: { field: 'threads' },
      actions: ['Give a whole number from 1 to 1024.'],
    })
  const model = await openModel(await resolve(path, { signal }), { signal })
  requireSupportedModel(model.spec, model.path)
  if (model.tokenizerFile === undefined)
    throw usageError('TOKENIZER_MISSING', `${model.path} has no tokenizer, so it cannot read or write text.`, {
      where: { file: model.path },
      actions: ['Put its tokenizer.json into the folder.'],
    })
  const tokenizer = await Tokenizer.load(model.tokenizerFile)
  const adapters: AppliedAdapter[] = []
  for (const folder of options.adapters ?? []) adapters.push(...applied(await readAdapter(folder, model.spec)))
  signal?.throwIfAborted()
  const { Model, Session } = binding()
  const contextLength = options.contextLength ?? Math.min(model.spec.contextLength, usualContext)
  const handle = new Model(specForLength(model.spec, contextLength), tensorSources(model), 'packed')
  const session = new Session(
    handle,
    adapters,
    { contextLength, bf16: options.precision === 'bfloat16' },
    threadCount(threads),
    forcedKernels(),
  )
  return nativeModel({
    name: model.name,
    spec: model.spec,
    session,
    tokenizer,
    contextLength,
    reusePrompts: options.reusePrompts ?? false,
  })
}

function applied(adapter: Adapter): AppliedAdapter[] {
  if (adapter.kind === 'dora')
    throw usageError(
      'ADAPTER_UNSUPPORTED',
      'A DoRA adapter cannot be applied beside its base: it stretches the rows of the base itself.',
      {
        actions: [
          { label: 'Merge it into its base, and load that', command: 'qt merge --base BASE --adapter ADAPTER --out merged.gguf' },
        ],
      },
    )
  return [...adapter.modules].map(([name, { a, b, rank, scale }]) => {
    const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name)!
    return { layer: Number(layer), projection: projections.findIndex((projection) => projection === part), rank, scale, a, b }
  })
}
