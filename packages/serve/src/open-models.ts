import { type LanguageModel, messageOf, QtError, usageError } from '@qt/core'
import type { Served } from './endpoints/context.js'

/** A model to serve: a file or folder for our engine, or anything that generates; under its own name, or another. */
export type ServedInput = string | LanguageModel | { readonly name: string; readonly model: string | LanguageModel }

export interface OpenModels {
  readonly models: ReadonlyMap<string, Served>
  /** Closes those that were opened here; models that were given are their owner's. */
  close(): Promise<void>
}

export async function openModels(inputs: readonly ServedInput[], signal: AbortSignal | undefined): Promise<OpenModels> {
  const models = new Map<string, Served>()
  const opened: LanguageModel[] = []
  const close = async () => {
    await Promise.all(opened.map((model) => model.close()))
  }
  if (inputs.length === 0) throw usageError('SERVE_MODELS', 'There is no model to serve.', { actions: ['Name at least one.'] })
  try {
    for (const input of inputs) {
      const named =
        typeof input === 'object' && 'generate' in input ? { model: input } : typeof input === 'string' ? { model: input } : input
      const model = typeof named.model === 'string' ? await load(named.model, signal) : named.model
      if (typeof named.model === 'string') opened.push(model)
      const id = 'name' in named ? named.name : model.name
      if (models.has(id))
        throw usageError('SERVE_MODELS', `Two models have the name "${id}".`, {
          actions: ['Give one of them another: { name, model }.'],
        })
      models.set(id, { id, model, created: Math.floor(Date.now() / 1000) })
    }
  } catch (error) {
    await close()
    throw error
  }
  return { models, close }
}

async function load(path: string, signal: AbortSignal | undefined): Promise<LanguageModel> {
  const engine = await import('@qt/trainer-native').catch((cause: unknown) => {
    throw new QtError({
      code: 'SERVE_ENGINE_MISSING',
      message: `To open ${path} this needs the package @qt/trainer-native: ${messageOf(cause)}`,
      actions: [{ label: 'Install it', command: 'npm install @qt/trainer-native' }, 'Or pass a model that is loaded already.'],
      cause,
    })
  })
  return engine.load(path, signal ? { signal } : {})
}
