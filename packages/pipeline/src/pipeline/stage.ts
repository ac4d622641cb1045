import type { RunContext } from '@qt/core'
import type { z } from 'zod'
import { type PipelineEvent, type StageName, stageNames } from './events.js'
import type { PipelineConfig } from './load-config.js'
import type { StageStore } from './stage-store.js'
import { stageKey } from './work-key.js'

/** What every stage works with. */
export interface Workshop extends RunContext<PipelineEvent> {
  readonly config: PipelineConfig
  readonly store: StageStore
  readonly skipInvalid: boolean
  /** The base model on this machine. */
  readonly base: string
  readonly states: Map<StageName, 'done' | 'reused'>
}

export interface StageWork<T> {
  readonly name: StageName
  /** Everything that decides what the stage makes. */
  readonly inputs: unknown
  readonly result: z.ZodType<T>
  work(): Promise<{ readonly result: T; readonly outputs: readonly string[] }>
  /** One line for people. */
  summary(result: T): string
}

/** Runs a stage unless what it made from the same inputs is still there. */
export async function stage<T>({ emit, store, signal, states }: Workshop, todo: StageWork<T>): Promise<T> {
  const { name, inputs, result: schema, work, summary } = todo
  const place = { type: 'stage', stage: name, number: stageNames.indexOf(name) + 1, of: stageNames.length } as const
  const key = stageKey(name, inputs)
  const known = await store.valid(name, key)
  const kept = known && schema.safeParse(known.result)
  if (kept?.success) {
    states.set(name, 'reused')
    emit({ ...place, state: 'reused', summary: summary(kept.data) })
    return kept.data
  }
  signal.throwIfAborted()
  await store.forget(name)
  emit({ ...place, state: 'start' })
  const started = performance.now()
  const { result, outputs } = await work()
  const seconds = (performance.now() - started) / 1000
  await store.put(name, key, outputs, result, seconds)
  states.set(name, 'done')
  emit({ ...place, state: 'done', summary: summary(result), seconds })
  return result
}
