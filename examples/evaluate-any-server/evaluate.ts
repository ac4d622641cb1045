import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { baseModelPath } from '@qt/base-model'
import { defaultTools, parseScenario, toConversations } from '@qt/data'
import { evaluateToolCalls, type Share, toolCallItems } from '@qt/eval'
import { serve } from '@qt/serve'
import { serverModel } from './server-model.js'

/** `npx tsx evaluate.ts [--url http://…/v1 --model NAME] [--token T] [--scenarios DIR] [--count N]`; without a server, ours with the embedded base model. */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    model: { type: 'string', default: 'base' },
    token: { type: 'string' },
    scenarios: { type: 'string', default: fileURLToPath(new URL('../dungeon-master/held-out', import.meta.url)) },
    count: { type: 'string' },
  },
})

const own = values.url === undefined ? await serve({ name: values.model, model: baseModelPath() }, { port: 0 }) : undefined
try {
  const url = values.url ?? `${own?.url}/v1`
  const files = (await readdir(values.scenarios)).filter((name) => name.endsWith('.md')).sort()
  const conversations = []
  for (const name of files.slice(0, Number(values.count ?? files.length))) {
    const text = await readFile(`${values.scenarios}/${name}`, 'utf8')
    conversations.push(...toConversations(parseScenario(text, { file: name }), { source: name }))
  }
  const model = serverModel(url, values.model, values.token)
  const report = await evaluateToolCalls(model, toolCallItems(conversations, defaultTools), {
    tools: defaultTools,
    onProgress: ({ done, total, right }) => process.stderr.write(`\r${done}/${total} turns, ${right} right`),
  })
  process.stderr.write('\n')
  const percent = ({ share, low, high, of }: Share) =>
    of === 0 ? 'none' : `${Math.round(100 * share)} % (${Math.round(100 * low)} to ${Math.round(100 * high)} %, of ${of})`
  console.log(`${values.model} at ${url}`)
  console.log(`  turns that need a call and got the right one   ${percent(report.accuracy.needed)}`)
  console.log(`  turns that need none and got none              ${percent(report.accuracy.notNeeded)}`)
} finally {
  await own?.close({ graceSeconds: 0 })
}
