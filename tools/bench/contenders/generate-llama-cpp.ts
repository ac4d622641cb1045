import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
import { generationMeasures } from './generation.js'

const [path, threads, prompt, tokens] = process.argv.slice(2)
const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.error,
  progressLogs: false,
})
const model = await llama.loadModel({ modelPath: path! })
const context = await model.createContext({
  contextSize: 2048,
  batchSize: 512,
  threads: { ideal: Number(threads), min: Number(threads) },
})
const sequence = context.getSequence()
const ids = model.tokenize(prompt!)
const measures = await generationMeasures(ids.length, Number(tokens), async (maxTokens, onToken) => {
  await sequence.clearHistory()
  let said = 0
  for await (const _ of sequence.evaluate(ids, { temperature: 0 })) {
    onToken()
    if (++said === maxTokens) break
  }
})
console.log(JSON.stringify(measures))
await context.dispose()
await model.dispose()
await llama.dispose()
