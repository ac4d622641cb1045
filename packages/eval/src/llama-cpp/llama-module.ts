import { messageOf, usageError } from '@qt/core'

type LogitsWanted = true | { readonly filter: { readonly tokens: readonly number[]; readonly includeTop: number } }
export type Evaluated = readonly [
  token: number,
  options: { readonly generateNext: { readonly logits: LogitsWanted; readonly totalLogitWeight?: true } },
]

export interface LlamaSequence {
  evaluate(
    tokens: readonly number[],
    options: {
      readonly temperature: number
      readonly topK?: number
      readonly topP?: number
      readonly minP?: number
      readonly seed?: number
      readonly repeatPenalty?: { readonly penalty: number; punishTokens(): readonly number[] }
    },
  ): AsyncIterable<number>
  controlledEvaluate(
    input: readonly (number | Evaluated)[],
  ): Promise<
    readonly (
      | undefined
      | { readonly next: { readonly logits?: ReadonlyMap<number, number>; readonly totalLogitWeight?: number } }
    )[]
  >
  clearHistory(): Promise<void>
}

export interface LlamaModel {
  readonly trainContextSize: number
  readonly tokens: { readonly bos: number | null; readonly eos: number | null; readonly eot: number | null }
  readonly fileInfo: {
    readonly metadata: {
      readonly tokenizer: { readonly chat_template?: string; readonly ggml: { readonly tokens: readonly string[] } }
    }
  }
  tokenize(text: string, special: boolean): readonly number[]
  detokenize(tokens: readonly number[], special: boolean): string
  isEogToken(token: number): boolean
  createContext(options: {
    contextSize: number
    threads?: number
  }): Promise<{ getSequence(): LlamaSequence; dispose(): Promise<void> }>
  dispose(): Promise<void>
}

/** What is used of node-llama-cpp, the real llama.cpp, where somebody has installed it. */
export interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>
  dispose(): Promise<void>
}

interface LlamaModule {
  getLlama(options: { gpu: false; build: 'never'; skipDownload: true; logLevel: 'error'; progressLogs: false }): Promise<Llama>
}

const isLlama = (module: unknown): module is LlamaModule => typeof module === 'object' && module !== null && 'getLlama' in module

const absent = (why: string, cause?: unknown) =>
  usageError('EVAL_LLAMA_CPP_MISSING', `llama.cpp cannot be asked: ${why}`, {
    actions: [{ label: 'Install it.', command: 'npm install node-llama-cpp' }, 'Measure with our own engine instead.'],
    cause,
  })

/** llama.cpp, started. */
export async function startLlama(): Promise<Llama> {
  const name = 'node-llama-cpp'
  let module: unknown
  try {
    module = await import(name)
  } catch (cause) {
    throw absent(messageOf(cause), cause)
  }
  if (!isLlama(module)) throw absent('this version of node-llama-cpp is not known.')
  try {
    return await module.getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'error', progressLogs: false })
  } catch (cause) {
    throw absent(messageOf(cause), cause)
  }
}
