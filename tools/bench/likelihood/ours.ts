// Multiple choice with our engine, as JSON.  usage: ours.ts MODEL RECORDS THREADS
import { readFile } from 'node:fs/promises'
import { defineTask, runSuites } from '@qt/eval'
import { load } from '@qt/trainer-native'

const [path, file, threads] = process.argv.slice(2)
const records = JSON.parse(await readFile(file!, 'utf8'))
const task = {
  name: 'choices',
  kind: 'choice',
  prompt: 'Question: {{question}}\nAnswer:',
  choices: '{{choices}}',
  answer: '{{answer}}',
} as const
const model = await load(path!, { threads: Number(threads) })
try {
  // What happens once is not counted, there as here.
  await runSuites(model, [defineTask(task, records.slice(0, 1))])
  const suite = defineTask(task, records)
  const started = performance.now()
  const { suites } = await runSuites(model, [suite], { parallel: 8 })
  const seconds = (performance.now() - started) / 1000
  const value = (name: string) => suites[0]!.metrics.find((metric) => metric.name === name)!.value
  console.log(JSON.stringify({ questionsPerSecond: records.length / seconds, acc: value('acc'), accNorm: value('acc_norm') }))
} finally {
  await model.close()
}
