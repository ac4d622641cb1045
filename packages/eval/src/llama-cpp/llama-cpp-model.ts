import { basename } from 'node:path'
import {
  type GenerateOptions,
  type Generation,
  type LanguageModel,
  type Prompt,
  type Scoring,
  type Tokenizer,
  usageError,
} from '@qt/core'
import { encodeChat } from '@qt/data'
import type { LlamaSequence } from './llama-module.js'
import { startLlama } from './llama-module.js'
import { type Exclusive, llamaScoring } from './llama-scoring.js'
import { llamaTokenizer } from './llama-tokenizer.js'

export interface LlamaCppModelOptions {
  /** Tokens of prompt and answer; default 2048, or what the model was trained on where that is less. */
  readonly contextLength?: number
  readonly threads?: number
}

/** A model of llama.cpp: it answers, and scores given text. */
export type LlamaCppModel = LanguageModel & {
  readonly scoring: Scoring
  readonly tokenizer: Tokenizer
  readonly contextLength: number
}

/**
 * A GGUF file in the real llama.cpp, by way of node-llama-cpp, which has to be installed: tokens, probabilities and answers are llama.cpp's own.
 *
 * @example
 * ```ts
 * const model = await llamaCppModel('model-q4_k_m.gguf')
 * await llamaPerplexity(model.scoring, model.tokenizer.encode(text)) // what llama.cpp itself makes of the text
 * ```
 */
export async function llamaCppModel(file: string, options: LlamaCppModelOptions = {}): Promise<LlamaCppModel> {
  const llama = await startLlama()
  try {
    const model = await llama.loadModel({ modelPath: file })
    const contextLength = Math.min(options.contextLength ?? 2048, model.trainContextSize)
    const { threads } = options
    const context = await model.createContext({ contextSize: contextLength, ...(threads === undefined ? {} : { threads }) })
    const sequence = context.getSequence()
    const tokenizer = llamaTokenizer(model)
    let last: Promise<unknown> = Promise.resolve()
    const exclusive: Exclusive = (work) => {
      const done = last.then(() => work(sequence))
      last = done.catch(() => undefined)
      return done
    }
    const encode = (prompt: Prompt, { tools }: GenerateOptions) =>
      typeof prompt === 'string'
        ? tokenizer.encode(prompt)
        : encodeChat(prompt, tokenizer, { addGenerationPrompt: true, ...(tools ? { tools } : {}) })
    const generate = async (prompt: Prompt, given: GenerateOptions = {}): Promise<Generation> => {
      const ids = roomy([...encode(prompt, given)], contextLength)
      return exclusive((own) => answer(own, ids, { tokenizer, contextLength, isEnd: (id) => model.isEogToken(id) }, given))
    }
    return {
      name: basename(file).replace(/\.gguf$/i, ''),
      generate,
      async *stream(prompt, given) {
        const made = await generate(prompt, given)
        yield made.text
        return made
      },
      scoring: llamaScoring(exclusive, tokenizer.vocabularySize),
      tokenizer,
      contextLength,
      async close() {
        await last
        await context.dispose()
        await model.dispose()
        await llama.dispose()
      },
    }
  } catch (error) {
    await llama.dispose()
    throw error
  }
}

function roomy(ids: number[], contextLength: number): number[] {
  if (ids.length === 0)
    throw usageError('PROMPT_EMPTY', 'The prompt is empty.', { actions: ['Give at least one token to start from.'] })
  if (ids.length >= contextLength)
    throw usageError('PROMPT_TOO_LONG', `The prompt has ${ids.length} tokens, the context holds ${contextLength}.`, {
      actions: ['Shorten the prompt.', 'Load with a larger contextLength.'],
    })
  return ids
}

interface Answering {
  readonly tokenizer: Tokenizer
  readonly contextLength: number
  isEnd(id: number): boolean
}

async function answer(
  sequence: LlamaSequence,
  prompt: readonly number[],
  { tokenizer, contextLength, isEnd }: Answering,
  { maxTokens = 256, temperature = 0, topK, topP, minP, seed, repetitionPenalty, stop = [], constraint, signal }: GenerateOptions,
): Promise<Generation> {
  if (constraint)
    throw usageError('EVAL_LLAMA_CPP_CONSTRAINT', 'Answers of llama.cpp are not held to a schema or grammar here.', {
      actions: ['Measure with our own engine, or leave the constraint out.'],
    })
  const most = Math.min(maxTokens, contextLength - prompt.length)
  const made: number[] = []
  const end = (text: string, why: Generation['why']): Generation => ({
    text,
    tokens: made.length,
    promptTokens: prompt.length,
    why,
  })
  await sequence.clearHistory()
  const settings = {
    temperature,
    ...(topK === undefined ? {} : { topK }),
    ...(topP === undefined ? {} : { topP }),
    ...(minP === undefined ? {} : { minP }),
    ...(seed === undefined ? {} : { seed }),
    ...(repetitionPenalty === undefined
      ? {}
      : { repeatPenalty: { penalty: repetitionPenalty, punishTokens: () => [...prompt, ...made].slice(-64) } }),
  }
  for await (const token of sequence.evaluate(prompt, settings)) {
    signal?.throwIfAborted()
    if (isEnd(token)) return end(tokenizer.decode(made), 'end')
    made.push(token)
    const text = tokenizer.decode(made)
    const cut = Math.min(...stop.map((one) => text.indexOf(one)).filter((at) => at >= 0))
    if (Number.isFinite(cut)) return end(text.slice(0, cut), 'stop')
    if (made.length >= most) break
  }
  return end(tokenizer.decode(made), 'length')
}
