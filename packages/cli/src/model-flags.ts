import { readFile } from 'node:fs/promises'
import { type Constraint, usageError } from '@qt/core'
import type { Flags, Values } from './args/verb.js'
import { engineFlags, engineOptions } from './engine-flags.js'
import { need } from './need.js'

/** Flags of verbs that load a model. */
export const modelFlags = {
  model: {
    type: 'text',
    value: 'FILE',
    description: 'A GGUF file, a Hugging Face folder, or a hub id (owner/name); may also stand without --model.',
  },
  adapter: { type: 'text', value: 'DIR', many: true, description: 'An adapter to lay over it.' },
  system: { type: 'text', description: 'What the model is told first.' },
  'max-tokens': { type: 'number', description: 'Longest answer, in tokens (default 256).' },
  temperature: { type: 'number', value: 'T', description: 'Randomness: 0 always takes the likeliest token (default 0.7).' },
  'top-k': { type: 'number', value: 'K', description: 'Choose among the K likeliest tokens.' },
  'top-p': { type: 'number', value: 'P', description: 'Choose among the likeliest tokens that sum to P.' },
  'min-p': { type: 'number', value: 'P', description: 'Leave out tokens less likely than P times the likeliest.' },
  'repetition-penalty': { type: 'number', value: 'R', description: 'Above 1: say less twice.' },
  stop: { type: 'text', many: true, description: 'End the answer before this text.' },
  seed: { type: 'number', description: 'The same seed gives the same answer.' },
  ...engineFlags,
  'context-length': { type: 'number', description: 'Tokens of prompt and answer together.' },
  precision: { type: 'text', value: 'NAME', description: 'float32 or bfloat16; left out: fast answers, exact scores.' },
  'kv-cache': { type: 'text', value: 'NAME', description: 'Keys and values as float32, float16 or int8 (default float16).' },
  schema: { type: 'text', value: 'FILE', description: 'Answer with a JSON document that fits this JSON schema.' },
  grammar: { type: 'text', value: 'FILE', description: 'Hold the answer to this grammar (GBNF).' },
} as const satisfies Flags

type ModelValues = Values<typeof modelFlags>

/** Which model it is, not how it answers: all that a verb that measures needs. */
const { model, adapter, 'context-length': contextLength, precision, 'kv-cache': kvCache } = modelFlags
export const loadFlags = {
  model,
  adapter,
  ...engineFlags,
  'context-length': contextLength,
  precision,
  'kv-cache': kvCache,
} as const satisfies Flags

/** The model that flags name, loaded: for one request at a time, unless more are wanted, which a GPU keeps memory for. */
export async function loadModel(
  flags: Values<typeof loadFlags>,
  positionals: readonly string[],
  { signal, reusePrompts, parallel = 1 }: { signal?: AbortSignal; reusePrompts?: boolean; parallel?: number } = {},
) {
  const path = flags.model ?? positionals[0]
  if (path === undefined)
    throw usageError('USAGE_MISSING_FLAG', 'No model is named.', {
      actions: ['Add --model FILE: a GGUF file, a Hugging Face folder, or a hub id (owner/name).'],
    })
  const { precision, adapter, 'kv-cache': cache } = flags
  if (cache !== undefined && cache !== 'float32' && cache !== 'float16' && cache !== 'int8')
    throw usageError('USAGE_BAD_VALUE', `--kv-cache must be float32, float16 or int8, not "${cache}".`, {
      actions: ['Leave --kv-cache out.'],
    })
  if (precision !== undefined && precision !== 'float32' && precision !== 'bfloat16')
    throw usageError('USAGE_BAD_VALUE', `--precision must be float32 or bfloat16, not "${precision}".`, {
      actions: ['Leave --precision out.'],
    })
  const engine = engineOptions(flags)
  const { load } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  return load(path, {
    ...(adapter ? { adapters: [...adapter] } : {}),
    ...engine,
    ...(flags['context-length'] === undefined ? {} : { contextLength: flags['context-length'] }),
    ...(precision === undefined ? {} : { precision }),
    ...(cache === undefined ? {} : { cache }),
    ...(reusePrompts === undefined ? {} : { reusePrompts }),
    parallel,
    ...(signal ? { signal } : {}),
  })
}

/** What the answer is held to, read from the files that flags name. */
export async function constraintOf({ schema, grammar }: ModelValues): Promise<Constraint | undefined> {
  if (schema !== undefined && grammar !== undefined)
    throw usageError('USAGE_BAD_VALUE', '--schema and --grammar do not go together.', { actions: ['Leave one of them out.'] })
  if (grammar !== undefined) return { grammar: await readFile(grammar, 'utf8') }
  if (schema === undefined) return undefined
  const read: unknown = parseJson(await readFile(schema, 'utf8'), schema)
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    throw usageError('SCHEMA_INVALID', `${schema} is no JSON schema: it is not an object.`, {
      where: { file: schema },
      actions: ['Begin it with {.'],
    })
  return { schema: Object.fromEntries(Object.entries(read)) }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw usageError('SCHEMA_INVALID', `${file} is not JSON.`, { where: { file }, actions: ['Correct it.'], cause })
  }
}

/** How the model shall answer. */
export const answerOptions = (flags: ModelValues) => ({
  maxTokens: flags['max-tokens'] ?? 256,
  temperature: flags.temperature ?? 0.7,
  ...(flags['top-k'] === undefined ? {} : { topK: flags['top-k'] }),
  ...(flags['top-p'] === undefined ? {} : { topP: flags['top-p'] }),
  ...(flags['min-p'] === undefined ? {} : { minP: flags['min-p'] }),
  ...(flags['repetition-penalty'] === undefined ? {} : { repetitionPenalty: flags['repetition-penalty'] }),
  ...(flags.stop === undefined ? {} : { stop: flags.stop }),
  ...(flags.seed === undefined ? {} : { seed: flags.seed }),
})
