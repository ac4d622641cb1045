import { ignoreLabel } from '@qt/core'
import type { RowFormat } from './detect-format.js'
import { type EncodeOptions, encodeRecord } from './encode-record.js'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'
import type { TokenStore } from './token-store.js'

/** How much an example's loss counts: its `weight`, else 1. */
function weightOf({ value: { weight }, where }: DataRecord): number {
  if (weight === undefined || weight === null) return 1
  if (typeof weight === 'number' && weight >= 0 && Number.isFinite(weight)) return weight
  throw recordError(where, 'weight', '"weight" must be a number from 0 up.', 'Write "weight": 1, or leave it out.')
}

/** Encodes records into a store and keeps count of what does not go in whole. */
export class Collector {
  documents = 0
  private cut = 0
  private empty = 0
  private endless = 0

  constructor(
    private readonly options: EncodeOptions,
    readonly store: TokenStore,
  ) {}

  add(record: DataRecord, format: RowFormat): void {
    const { sequenceLength } = this.options
    const encoded = encodeRecord(record, format, this.options)
    if (encoded === undefined) return
    const { ids, labels, endsTurns } = encoded
    const conversation = format === 'chat' || format === 'instructions' || format === 'scenarios'
    // A conversation keeps its beginning: the rest would be an answer to something unseen.
    const length = conversation ? Math.min(ids.length, sequenceLength) : ids.length
    let trainable = 0
    for (let i = 1; i < length; i++) if (labels[i] !== ignoreLabel) trainable++
    if (length < ids.length) this.cut++
    if (!endsTurns) this.endless++
    if (trainable === 0 && format !== 'tokens') this.empty++
    else
      this.store.add(length < ids.length ? ids.subarray(0, length) : ids, labels, {
        longest: sequenceLength,
        weight: weightOf(record),
      })
    if (trainable > 0 || format === 'tokens') this.documents++
  }

  warnings(): string[] {
    const { sequenceLength } = this.options
    const examples = (n: number) => `${n} example${n === 1 ? '' : 's'}`
    return [
      ...(this.cut > 0
        ? [`${examples(this.cut)} longer than training.sequenceLength (${sequenceLength}): the end was cut off.`]
        : []),
      ...(this.empty > 0 ? [`${examples(this.empty)} left out: nothing in them to train on.`] : []),
      ...(this.endless > 0
        ? [
            `${examples(this.endless)} where an assistant turn has no end token of this tokenizer: the model may not learn to stop.`,
          ]
        : []),
    ]
  }
}
