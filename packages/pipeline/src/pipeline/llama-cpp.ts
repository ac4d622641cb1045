import { messageOf } from '@qt/core'

/** What is used of node-llama-cpp, the real llama.cpp, where somebody has installed it. */
interface LlamaModule {
  getLlama(options: { gpu: false; build: 'never'; logLevel: 'error' }): Promise<{
    loadModel(options: { modelPath: string }): Promise<{
      createContext(options: { contextSize: number }): Promise<{ getSequence(): object; dispose(): Promise<void> }>
      dispose(): Promise<void>
    }>
    dispose(): Promise<void>
  }>
  LlamaCompletion: new (options: {
    contextSequence: object
  }) => { generateCompletion(prompt: string, options: { maxTokens: number; temperature: number }): Promise<string> }
}

const isLlama = (module: unknown): module is LlamaModule =>
  typeof module === 'object' && module !== null && 'getLlama' in module && 'LlamaCompletion' in module

/** llama.cpp, or why it is not asked. */
export async function llamaCpp(): Promise<{ generate(file: string, prompt: string): Promise<string> } | string> {
  const name = 'node-llama-cpp'
  let module: unknown
  try {
    module = await import(name)
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    return absent ? 'llama.cpp was not asked: node-llama-cpp is not installed' : `llama.cpp was not asked: ${messageOf(error)}`
  }
  if (!isLlama(module)) return 'llama.cpp was not asked: this version of node-llama-cpp is not known'
  const { getLlama, LlamaCompletion } = module
  return {
    async generate(file, prompt) {
      const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
      try {
        const model = await llama.loadModel({ modelPath: file })
        const context = await model.createContext({ contextSize: 256 })
        const completion = new LlamaCompletion({ contextSequence: context.getSequence() })
        return await completion.generateCompletion(prompt, { maxTokens: 16, temperature: 0 })
      } finally {
        await llama.dispose()
      }
    },
  }
}
