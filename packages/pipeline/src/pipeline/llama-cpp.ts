import { messageOf } from '@qt/core'

/** What is used of node-llama-cpp, the real llama.cpp, where somebody has installed it. */
interface LlamaModule {
  getLlama(options: { gpu: false; build: 'never'; logLevel: 'error' }): Promise<{
    loadModel(options: { modelPath: string }): Promise<{
      createContext(options: { contextSize: number }): Promise<{
        getSequence(): { evaluate(tokens: readonly number[], options: { temperature: number }): AsyncIterable<number> }
      }>
      isEogToken(token: number): boolean
      detokenize(tokens: readonly number[]): string
      dispose(): Promise<void>
    }>
    dispose(): Promise<void>
  }>
}

const isLlama = (module: unknown): module is LlamaModule => typeof module === 'object' && module !== null && 'getLlama' in module

export interface LlamaCpp {
  /** Goes on after exactly these tokens, greedily. */
  generate(file: string, prompt: readonly number[], options: { maxTokens: number; signal: AbortSignal }): Promise<string>
  close(): Promise<void>
}

const installed = (): Promise<unknown> => {
  const name = 'node-llama-cpp'
  return import(name)
}

/** llama.cpp, started, or why it is not asked: one that does not start says nothing of our files. */
export async function llamaCpp(load: () => Promise<unknown> = installed): Promise<LlamaCpp | string> {
  let module: unknown
  try {
    module = await load()
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    return absent ? 'llama.cpp was not asked: node-llama-cpp is not installed' : `llama.cpp was not asked: ${messageOf(error)}`
  }
  if (!isLlama(module)) return 'llama.cpp was not asked: this version of node-llama-cpp is not known'
  const { getLlama } = module
  let llama: Awaited<ReturnType<LlamaModule['getLlama']>>
  try {
    llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
  } catch (error) {
    return `llama.cpp was not asked, for it does not start: ${messageOf(error)}`
  }
  return {
    async generate(file, prompt, { maxTokens, signal }) {
      const model = await llama.loadModel({ modelPath: file })
      try {
        const context = await model.createContext({ contextSize: prompt.length + maxTokens + 1 })
        const made: number[] = []
        for await (const token of context.getSequence().evaluate(prompt, { temperature: 0 })) {
          signal.throwIfAborted()
          if (model.isEogToken(token) || made.push(token) >= maxTokens) break
        }
        return model.detokenize(made)
      } finally {
        await model.dispose()
      }
    },
    close: () => llama.dispose(),
  }
}
