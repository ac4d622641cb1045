import { getLlama, type Llama, LlamaLogLevel, type Token } from 'node-llama-cpp'

/** Real llama.cpp, as it comes with node-llama-cpp. */
export const llamaCpp = (): Promise<Llama> =>
  getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: LlamaLogLevel.error, progressLogs: false })

export interface Judged {
  readonly ids: readonly Token[]
  /** Log-probabilities after each token, [ids, vocabulary]. */
  readonly logits: readonly Float32Array[]
  readonly said: readonly Token[]
}

/** What llama.cpp makes of a text: its ids, the logits after each, and the likeliest continuation; with a GGUF adapter over the model. */
export async function judge(llama: Llama, modelPath: string, text: string, lora?: string): Promise<Judged> {
  const model = await llama.loadModel({ modelPath })
  const context = await model.createContext({ contextSize: 512, threads: 1, ...(lora ? { lora } : {}) })
  try {
    const ids = model.tokenize(text)
    const sequence = context.getSequence()
    const logits: Float32Array[] = []
    // A few at a time: each answer is a map of the whole vocabulary.
    for (let first = 0; first < ids.length; first += 16) {
      const asked = ids
        .slice(first, first + 16)
        .map((token): [Token, { generateNext: { logits: true } }] => [token, { generateNext: { logits: true } }])
      for (const answer of await sequence.controlledEvaluate(asked)) {
        const row = new Float32Array(answer!.next.logits!.size)
        for (const [token, logit] of answer!.next.logits!) row[token] = logit
        logits.push(row)
      }
    }
    const said: Token[] = []
    await sequence.clearHistory()
    for await (const token of sequence.evaluate(ids.slice(0, 32), { temperature: 0 })) if (said.push(token) === 8) break
    return { ids, logits, said }
  } finally {
    await context.dispose()
    await model.dispose()
  }
}

const logSumExp = (logits: Float32Array): number => {
  const highest = logits.reduce((a, b) => Math.max(a, b))
  return highest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0))
}

/** Mean of Σ p·log(p/q) over the positions, p ours and q llama.cpp's. */
export function meanDivergence(ours: Float32Array, { ids, logits }: Judged): number {
  const vocabulary = ours.length / ids.length
  let total = 0
  for (const [i, row] of logits.entries()) {
    const theirs = logSumExp(row)
    for (let token = 0; token < vocabulary; token++) {
      const p = ours[i * vocabulary + token]!
      total += Math.exp(p) * (p - (row[token]! - theirs))
    }
  }
  return total / ids.length
}
