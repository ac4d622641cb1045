import { ignoreLabel } from '@qt/core'
import type { RowFormat } from './detect-format.js'
import { type EncodedRecord, type EncodeOptions, encodeRecord } from './encode-record.js'
import { exampleWeight } from './example-weight.js'
import type { DataRecord } from './read-records.js'
import type { TokenStore } from './token-store.js'

export interface CollectorOptions extends EncodeOptions {
  /** Tokens that the pieces of a split example share. */
  readonly overlap?: number | undefined
}

/** Encodes records into a store and keeps count of what does not go in whole. */
export class Collector {
  documents = 0
  private readonly tooLong = { 'cut-end': 0, 'cut-start': 0, drop: 0, split: 0 }
  private empty = 0
  private endless = 0
  private callless = 0

  constructor(
    private readonly options: CollectorOptions,
    readonly store: TokenStore,
  ) {}

  add(record: DataRecord, format: RowFormat): void {
    const { sequenceLength, overlap } = this.options
    const encoded = encodeRecord(record, format, this.options)
    if (encoded === undefined) return
    const policy = this.policy(format)
    const whole = encoded.ids.length <= sequenceLength
    // A text that goes over several rows is nothing to be told of.
    if (!whole && !(policy === 'split' && format === 'text')) this.tooLong[policy]++
    if (!whole && policy === 'drop') return
    const { ids, labels, endsTurns } = whole || policy === 'split' ? encoded : cut(encoded, policy, sequenceLength)
    const weight = exampleWeight(record)
    let trainable = 0
    if (weight > 0) for (let i = 1; i < ids.length; i++) if (labels[i] !== ignoreLabel) trainable++
    if (!endsTurns) this.endless++
    if (encoded.losesCalls) this.callless++
    if (trainable === 0 && format !== 'tokens') this.empty++
    else this.store.add(ids, labels, { longest: sequenceLength, weight, ...(overlap ? { overlap } : {}) })
    if (trainable > 0 || format === 'tokens') this.documents++
  }

  private policy(format: RowFormat): keyof Collector['tooLong'] {
    const { tooLong } = this.options
    // What is too long with its last exchange alone has nothing left to drop.
    if (tooLong === 'last-turns') return hasTurns(format) ? 'drop' : 'split'
    return tooLong ?? usualTooLong(format)
  }

  warnings(): string[] {
    const { sequenceLength } = this.options
    const examples = (n: number) => `${n} example${n === 1 ? '' : 's'}`
    const done = {
      'cut-end': 'the end was cut off',
      'cut-start': 'the beginning was cut off',
      drop: 'left out',
      split: 'split into several',
    } as const
    return [
      ...(['cut-end', 'cut-start', 'drop', 'split'] as const).flatMap((policy) =>
        this.tooLong[policy] > 0
          ? [`${examples(this.tooLong[policy])} longer than training.sequenceLength (${sequenceLength}): ${done[policy]}.`]
          : [],
      ),
      ...(this.empty > 0 ? [`${examples(this.empty)} left out: nothing in them to train on.`] : []),
      ...(this.callless > 0
        ? [
            `${examples(this.callless)} with tool calls that the chat template does not print: the model would learn to say nothing. Use a model whose template knows tools, or write the calls into the content.`,
          ]
        : []),
      ...(this.endless > 0
        ? [
            `${examples(this.endless)} where an assistant turn has no end token of this tokenizer: the model may not learn to stop.`,
          ]
        : []),
    ]
  }
}

const hasTurns = (format: RowFormat): boolean => format === 'chat' || format === 'instructions' || format === 'scenarios'

/** A conversation keeps its beginning unless told otherwise: the rest would be an answer to something unseen. */
export const usualTooLong = (format: RowFormat): 'cut-end' | 'split' => (hasTurns(format) ? 'cut-end' : 'split')

function cut(
  { ids, labels, endsTurns }: EncodedRecord,
  policy: 'cut-end' | 'cut-start' | 'drop',
  longest: number,
): EncodedRecord {
  const [from, to] = policy === 'cut-start' ? [ids.length - longest, ids.length] : [0, longest]
  return { ids: ids.subarray(from, to), labels: labels.subarray(from, to), endsTurns }
}
