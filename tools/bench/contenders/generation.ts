/** Speeds of one prompt and its answer: to the first token, and from there to the last. */
export interface GenerationMeasures {
  readonly promptTokensPerSecond: number
  readonly tokensPerSecond: number
}

/** After one round that is not counted, so that nobody pays for first touches of the file. */
export async function generationMeasures(
  promptTokens: number,
  tokens: number,
  answer: (maxTokens: number, onToken: () => void) => Promise<void>,
): Promise<GenerationMeasures> {
  await answer(4, () => {})
  const times: number[] = []
  const start = performance.now()
  await answer(tokens, () => times.push(performance.now()))
  if (times.length < tokens * 0.9) throw new Error(`only ${times.length} of ${tokens} tokens came`)
  return {
    promptTokensPerSecond: (promptTokens / (times[0]! - start)) * 1000,
    tokensPerSecond: ((times.length - 1) / (times.at(-1)! - times[0]!)) * 1000,
  }
}
