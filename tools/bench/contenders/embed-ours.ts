import { readFile } from 'node:fs/promises'
import { openEmbedder } from '@qt/embed'

const [model = '', textsFile = '', vectorsFile = ''] = process.argv.slice(2)
const texts: string[] = JSON.parse(await readFile(textsFile, 'utf8'))
const expected: number[][] = JSON.parse(await readFile(vectorsFile, 'utf8'))

const embedder = await openEmbedder(model)
await embedder.embed(texts.slice(0, 64).map((text) => `${text} Again.`))
const used = process.cpuUsage()
const start = performance.now()
const vectors = await embedder.embed(texts)
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(used)
// Both have length 1.
const cosines = expected.map((other, index) => other.reduce((sum, value, i) => sum + value * vectors[index]![i]!, 0))
console.log(
  JSON.stringify({
    speed: texts.length / seconds,
    perCore: (1e6 * texts.length) / (user + system),
    cosine: Math.min(...cosines),
    memory: process.resourceUsage().maxRSS / 1000,
  }),
)
await embedder.close()
