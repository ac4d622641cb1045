import { parentPort, workerData } from 'node:worker_threads'
import { recordSteps } from './pipeline/record-steps.js'
import { type Answer, plainError } from './pipeline/work-in-threads.js'
import type { DataRecord } from './read-records.js'

/** A thread of a data pipeline: told of its steps when it begins, then given chunks of records. */
const work = recordSteps(workerData.steps)
// What is wrong with a step is told with the first chunk, not to nobody.
work.catch(() => {})

parentPort?.on('message', async ({ id, records }: { id: number; records: readonly DataRecord[] }) => {
  const answer: Answer = await work.then(
    (run) => ({ id, result: run(records) }),
    (error: unknown) => ({ id, error: plainError(error) }),
  )
  parentPort?.postMessage(answer)
})
