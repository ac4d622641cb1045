import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { messageOf, QtError, type QtErrorOptions } from '@qt/core'
import type { DataRecord } from '../read-records.js'
import type { Step } from './recipe.js'
import { type ChunkResult, recordSteps } from './record-steps.js'

export interface Workers {
  run(records: readonly DataRecord[]): Promise<ChunkResult>
  close(): Promise<void>
}

/** What a thread answers. */
export type Answer = { readonly id: number } & ({ readonly result: ChunkResult } | { readonly error: QtErrorOptions })

/** An error as it can be sent to another thread. */
export function plainError(error: unknown): QtErrorOptions {
  if (!QtError.isInstance(error)) return { code: 'DATA_PIPELINE', message: messageOf(error), kind: 'failure' }
  const { code, message, actions, kind, where } = error
  return { code, message, actions, kind, ...(where ? { where } : {}) }
}

/** Steps over chunks of records in some threads; one thread is this one. */
export async function workInThreads(steps: readonly Step[], threads: number): Promise<Workers> {
  if (threads <= 1) {
    const work = await recordSteps(steps)
    return { run: async (records) => work(records), close: async () => {} }
  }
  // By its own name, so that the built file is found from source files, too.
  const entry = pathToFileURL(createRequire(import.meta.url).resolve('@qt/data/worker'))
  const waiting = new Map<number, { resolve(result: ChunkResult): void; reject(error: unknown): void }>()
  const load: number[] = []
  let broken: unknown
  let closing = false
  const fail = (error: unknown): void => {
    if (closing) return
    broken ??= error
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
  }
  const workers = Array.from({ length: threads }, (_, index) => {
    load.push(0)
    const worker = new Worker(entry, { workerData: { steps } })
    worker.on('message', (answer: Answer) => {
      load[index]!--
      const one = waiting.get(answer.id)
      waiting.delete(answer.id)
      if ('result' in answer) one?.resolve(answer.result)
      else one?.reject(new QtError(answer.error))
    })
    worker.on('error', fail)
    worker.on('exit', (code) => fail(ended(code)))
    return worker
  })
  let next = 0
  return {
    run: (records) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken)
        const id = next++
        const idle = load.indexOf(Math.min(...load))
        load[idle]!++
        waiting.set(id, { resolve, reject })
        workers[idle]!.postMessage({ id, records })
      }),
    close: async () => {
      closing = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

const ended = (code: number) =>
  new QtError({
    code: 'DATA_PIPELINE',
    message: `A thread of the pipeline ended by itself, with code ${code}.`,
    kind: 'failure',
    actions: ['Run it again: what is done is kept.', 'Set threads: 1 to see what it ended of.'],
  })
