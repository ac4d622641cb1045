import { load } from '@qt/trainer-native'
import { generationMeasures } from './generation.js'

const [path, threads, prompt, tokens] = process.argv.slice(2)
const model = await load(path!, { threads: Number(threads), contextLength: 2048 })
try {
  const measures = await generationMeasures(model.encode(prompt!).length, Number(tokens), async (maxTokens, onToken) => {
    // Every token of this text is a piece of its own: no end, no stop string and no character of several tokens.
    for await (const _ of model.stream(prompt!, { temperature: 0, maxTokens })) onToken()
  })
  console.log(JSON.stringify(measures))
} finally {
  await model.close()
}
