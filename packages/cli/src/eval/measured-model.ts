import { usageError } from '@qt/core'
import type { AnyModel } from '@qt/eval'
import type { Flags, Values } from '../args/verb.js'
import type { Io } from '../io.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'
import { contentId } from './content-id.js'

/** Flags that name a model to be measured: a file, or one behind a server. */
export const measuredFlags = {
  ...loadFlags,
  server: {
    type: 'text',
    value: 'URL',
    description: "A server of OpenAI's interface, http://HOST:PORT/v1; --model is then its name there.",
  },
  ollama: { type: 'boolean', description: 'The model is one of the local Ollama (or the one at --server).' },
  'llama-cpp': { type: 'boolean', description: 'Measure the GGUF file in llama.cpp (node-llama-cpp), not in our engine.' },
  'api-key-env': { type: 'text', value: 'NAME', description: 'The environment variable that holds the key of the server.' },
} as const satisfies Flags

export interface MeasuredModel {
  readonly model: AnyModel
  /** The same for the same weights and precision, or for the same name at the same address. */
  readonly id: string
  /** Behind a server, which answers several at once. */
  readonly remote: boolean
}

/** The model that flags name, ready to be measured. */
export async function measuredModel(
  flags: Values<typeof measuredFlags>,
  positionals: readonly string[],
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<MeasuredModel> {
  const { server, ollama, 'llama-cpp': llamaCpp, adapter = [], precision, threads, 'context-length': contextLength } = flags
  const name = flags.model ?? positionals[0]
  if (
    llamaCpp &&
    (server !== undefined || ollama || adapter.length > 0 || precision !== undefined || flags['kv-cache'] !== undefined)
  )
    throw usageError('USAGE_BAD_VALUE', '--llama-cpp goes with a GGUF file alone.', {
      actions: ['Leave --server, --ollama, --adapter, --precision and --kv-cache out.'],
    })
  if (llamaCpp && name !== undefined) {
    const { llamaCppModel } = await need('@qt/eval', () => import('@qt/eval'))
    const file = await localPath(name, io, signal)
    const model = await llamaCppModel(file, {
      ...(threads === undefined ? {} : { threads }),
      ...(contextLength === undefined ? {} : { contextLength }),
    })
    return { model, id: `${await contentId([file], signal)} llama.cpp`, remote: false }
  }
  if (server === undefined && !ollama) {
    const model = await loadModel(flags, positionals, { signal })
    const files = [await localPath(name!, io, signal), ...adapter]
    return { model, id: `${await contentId(files, signal)} ${precision ?? ''}`.trim(), remote: false }
  }
  if (name === undefined)
    throw usageError('USAGE_MISSING_FLAG', 'No model is named.', { actions: ['Add --model NAME, as the server calls it.'] })
  const { ollamaModel, openAiModel } = await need('@qt/eval', () => import('@qt/eval'))
  const variable = flags['api-key-env']
  const apiKey = variable === undefined ? undefined : process.env[variable]
  if (variable !== undefined && apiKey === undefined)
    throw usageError('USAGE_BAD_VALUE', `There is no environment variable ${variable}.`, {
      actions: ['Set it, or leave --api-key-env out.'],
    })
  const model = ollama
    ? ollamaModel({ model: name, ...(server === undefined ? {} : { baseUrl: server }) })
    : openAiModel({ baseUrl: server!, model: name, ...(apiKey === undefined ? {} : { apiKey }) })
  return { model, id: `${server ?? 'ollama'} ${name}`, remote: true }
}
