import { usageError } from '@qt/core'
import type { AnyModel } from '@qt/eval'
import type { Flags, Values } from '../args/verb.js'
import type { Io } from '../io.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'
import { modelId } from './content-id.js'

/** Flags that name a model to be measured: a file, or one behind a server. */
export const measuredFlags = {
  ...loadFlags,
  server: {
    type: 'text',
    value: 'URL',
    description: "A server of OpenAI's interface, http://HOST:PORT/v1; --model is then its name there.",
  },
  ollama: { type: 'boolean', description: 'The model is one of the local Ollama (or the one at --server).' },
  'llama-cpp': { type: 'boolean', description: 'Run the GGUF file in llama.cpp (node-llama-cpp), not in our engine.' },
  'api-key-env': { type: 'text', value: 'NAME', description: 'The environment variable that holds the key of the server.' },
} as const satisfies Flags

export interface MeasuredModel {
  readonly model: AnyModel
  /** The same for the same weights, asked in the same way, or for the same name at the same address. */
  readonly id: string
  /** Behind a server, which answers several at once. */
  readonly remote: boolean
}

/** What a server decides for itself. */
const ofTheEngine = ['adapter', 'threads', 'device', 'context-length', 'precision', 'kv-cache'] as const

/** Refuses flags that do not go together, before anything is read. */
export function checkMeasured(flags: Values<typeof measuredFlags>, positionals: readonly string[]): void {
  const remote = flags.server !== undefined || flags.ollama
  if ((flags.model ?? positionals[0]) === undefined)
    throw usageError('USAGE_MISSING_FLAG', 'No model is named.', {
      actions: [
        remote
          ? 'Add --model NAME, as the server calls it.'
          : 'Add --model FILE: a GGUF file, a Hugging Face folder, or a hub id (owner/name).',
      ],
    })
  const local = remote ? ofTheEngine.find((flag) => flags[flag] !== undefined) : undefined
  if (local !== undefined)
    throw usageError('USAGE_BAD_VALUE', `--${local} is for a model that is loaded here, not for one behind a server.`, {
      actions: [`Leave --${local} out, or start the server with it.`],
    })
  if (
    flags['llama-cpp'] &&
    (remote || (['adapter', 'device', 'precision', 'kv-cache'] as const).some((flag) => flags[flag] !== undefined))
  )
    throw usageError('USAGE_BAD_VALUE', '--llama-cpp goes with a GGUF file alone.', {
      actions: ['Leave --server, --ollama, --adapter, --device, --precision and --kv-cache out.'],
    })
}

interface Measuring {
  readonly io: Io
  readonly signal: AbortSignal
  /** Something keeps the id: hashing a file takes a while. */
  readonly identified: boolean
  /** Requests of it at the same time; left out: one. */
  readonly parallel?: number
}

/** The model that flags name, ready to be measured. */
export async function measuredModel(
  flags: Values<typeof measuredFlags>,
  positionals: readonly string[],
  { io, signal, identified, parallel }: Measuring,
): Promise<MeasuredModel> {
  checkMeasured(flags, positionals)
  const { server, ollama, threads, 'context-length': contextLength } = flags
  const name = flags.model ?? positionals[0]!
  const id = async () => (identified ? modelId(flags, positionals, { io, signal }) : name)
  if (flags['llama-cpp']) {
    const { llamaCppModel } = await need('@qt/eval', () => import('@qt/eval'))
    const model = await llamaCppModel(await localPath(name, io, signal), {
      ...(threads === undefined ? {} : { threads }),
      ...(contextLength === undefined ? {} : { contextLength }),
    })
    return { model, id: `${await id()} llama.cpp`, remote: false }
  }
  if (server === undefined && !ollama) {
    const model = await loadModel(flags, positionals, { signal, ...(parallel === undefined ? {} : { parallel }) })
    return { model, id: await id(), remote: false }
  }
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
