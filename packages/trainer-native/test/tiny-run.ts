import { parseConfig, type TrainingConfigInput } from '@qt/core'
import { prepare } from '../src/train/prepare.js'
import { fixture } from './support.js'

/** What a run of the smallest model begins with, before any weight is read. */
export const tinyRun = (more: Partial<TrainingConfigInput> = {}) =>
  prepare(
    parseConfig({
      base: fixture('tiny-untied'),
      data: { path: fixture('lora', 'rows.jsonl'), format: 'tokens' },
      adapter: { rank: 4 },
      ...more,
      training: { batchSize: 4, sequenceLength: 64, ...more.training },
    }),
    undefined,
  )
