import { type PackedRow, permutation, type RowSource, type TrainingConfig } from '@qt/core'
import type { Batch } from '../binding.js'

/** Rows side by side, as the engine takes them. */
export interface MicroBatch extends Batch {
  /** Tokens that carry loss. */
  readonly trainable: number
  /** The sum of their weights. */
  readonly weight: number
  readonly rows: number
}

/** Everything that follows from a step's number: nothing is remembered, so resuming needs the number only. */
export interface Windows {
  readonly stepsPerEpoch: number
  readonly totalSteps: number
  /** Micro-batches of a whole step, of all processes together. */
  readonly microBatches: number
  /** The micro-batches of one optimiser step (from 1), in order; of process r of N only r, r + N, r + 2N … */
  window(step: number, share?: Share): MicroBatch[]
  /** How many a step has: the last of an epoch may have fewer. */
  count(step: number): number
  /** Of a whole step. */
  rows(step: number): number
  /** Epochs done after a step. */
  epoch(step: number): number
}

/** Which process of how many. */
export interface Share {
  readonly rank: number
  readonly size: number
}

const defaultEpochs = 3

export function windows(
  rows: RowSource,
  shuffle: boolean,
  training: TrainingConfig['training'],
  microBatches: number = training.gradAccumulation,
): Windows {
  const { batchSize, seed } = training
  const perStep = batchSize * microBatches
  const stepsPerEpoch = Math.ceil(rows.length / perStep)
  const totalSteps = training.steps ?? Math.max(1, Math.round((training.epochs ?? defaultEpochs) * stepsPerEpoch))
  let known: { epoch: number; order: Uint32Array } | undefined
  const orderOf = (epoch: number): Uint32Array => {
    if (known?.epoch !== epoch)
      known = {
        epoch,
        order: shuffle
          ? permutation(rows.length, seed, 'shuffle', epoch)
          : Uint32Array.from({ length: rows.length }, (_, i) => i),
      }
    return known.order
  }
  const firstRow = (step: number) => ((step - 1) % stepsPerEpoch) * perStep
  const rowsOf = (step: number) => Math.min(perStep, rows.length - firstRow(step))
  return {
    stepsPerEpoch,
    totalSteps,
    microBatches,
    count: (step) => Math.ceil(rowsOf(step) / batchSize),
    window(step, { rank, size } = { rank: 0, size: 1 }) {
      const first = firstRow(step)
      const order = orderOf(Math.floor((step - 1) / stepsPerEpoch)).subarray(first, first + rowsOf(step))
      const batches: MicroBatch[] = []
      for (let at = rank * batchSize; at < order.length; at += size * batchSize)
        batches.push(sideBySide([...order.subarray(at, at + batchSize)].map((index) => rows.row(index))))
      return batches
    },
    rows: rowsOf,
    epoch: (step) => step / stepsPerEpoch,
  }
}

/** The first rows of a source. */
export const firstRows = (rows: RowSource, count: number): RowSource => ({
  length: Math.min(count, rows.length),
  row: (index) => rows.row(index),
})

/** Rows in order, `batchSize` at a time. */
export function batchesOf(rows: readonly PackedRow[], batchSize: number): MicroBatch[] {
  const batches: MicroBatch[] = []
  for (let i = 0; i < rows.length; i += batchSize) batches.push(sideBySide(rows.slice(i, i + batchSize)))
  return batches
}

function sideBySide(rows: readonly PackedRow[]): MicroBatch {
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0)
  const ids = new Int32Array(tokens)
  const labels = new Int32Array(tokens)
  const weights = rows.some((row) => row.weights) ? new Float32Array(tokens).fill(1) : undefined
  const borders: number[] = [0]
  let at = 0
  for (const row of rows) {
    ids.set(row.ids, at)
    labels.set(row.labels, at)
    if (row.weights) weights?.set(row.weights, at)
    for (const border of row.documents) if (border > 0) borders.push(at + border)
    at += row.ids.length
  }
  let trainable = 0
  let weight = 0
  for (const [i, label] of labels.entries())
    if (label >= 0) {
      trainable++
      weight += weights?.[i] ?? 1
    }
  return { ids, labels, borders: Int32Array.from(borders), weights, trainable, weight, rows: rows.length }
}

/** The most tokens that `batchSize` rows can have together, and the longest document: what a step's memory is planned for. */
export function extent(
  sources: readonly (RowSource | undefined)[],
  batchSize: number,
): { maxTokens: number; maxPositions: number } {
  let maxTokens = 1
  let maxPositions = 1
  for (const source of sources) {
    const lengths: number[] = []
    for (let i = 0; i < (source?.length ?? 0); i++) {
      const { ids, documents } = source!.row(i)
      lengths.push(ids.length)
      for (let d = 1; d < documents.length; d++) maxPositions = Math.max(maxPositions, documents[d]! - documents[d - 1]!)
    }
    lengths.sort((a, b) => b - a)
    maxTokens = Math.max(
      maxTokens,
      lengths.slice(0, batchSize).reduce((sum, length) => sum + length, 0),
    )
  }
  return { maxTokens, maxPositions }
}
