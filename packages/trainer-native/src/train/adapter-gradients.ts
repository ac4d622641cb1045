import { parseConfig, projectionShape, projections, type TrainingConfig, type TrainingConfigInput, usageError } from '@qt/core'
import { architectureNamed, modulePath, symmetricEigen } from '@qt/weights'
import type { NativeTrainer, TrainedTensor } from '../binding.js'
import { engineErrors } from '../engine-errors.js'
import { alone } from '../parallel/team.js'
import { prepare } from './prepare.js'
import { startParameters } from './start-parameters.js'
import { openTrainer } from './training.js'
import { batchesOf, type MicroBatch } from './windows.js'

/** One direction of an adapter: a column of B and a row of A. */
export interface DirectionGradients {
  /** Norm of the mean gradient of its numbers. */
  readonly norm: number
  /** Sum of their absolute values: what the loss falls by, at first, when each number moves by 1. */
  readonly slope: number
  /** Mean over batches of |Σ number · gradient|: about what the loss rises by without it (the sensitivity of arXiv:2303.10512). */
  readonly worth: number
}

export interface ModuleGradients {
  /** blk.0.attn_q.weight */
  readonly name: string
  /** model.layers.0.self_attn.q_proj: what the patterns of a configuration name. */
  readonly path: string
  readonly inputs: number
  readonly outputs: number
  readonly rank: number
  readonly scale: number
  readonly directions: readonly DirectionGradients[]
  /**
   * The squared singular values of the gradient of the matrix itself, the largest first, as many as the rank: estimated from what B's
   * gradient shows of it through A. Their sum is about the squared norm of that gradient where A is random, as in a new adapter.
   */
  readonly gains: readonly number[]
}

/**
 * The gradients of an adapter, as it begins or as `init` has it, on all rows of the data, without training it.
 *
 * @example
 * ```ts
 * const gradients = await adapterGradients({ base: 'model.gguf', data: { path: 'rows.jsonl' }, adapter: lora({ rank: 8 }) })
 * for (const { path, directions } of gradients) console.log(path, Math.hypot(...directions.map(({ norm }) => norm)))
 * ```
 */
export async function adapterGradients(
  config: TrainingConfigInput | TrainingConfig,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<ModuleGradients[]> {
  const given = parseConfig(config)
  if (given.training.objective !== 'next-token')
    throw usageError(
      'CONFIG_CONTRADICTION',
      `Gradients are measured of the next token, and the objective is ${given.training.objective}.`,
      {
        where: { field: 'training.objective' },
        actions: ['Leave out "objective".'],
      },
    )
  // Nothing random: the same rows give the same gradients. Each micro-batch is looked at by itself, so that there is no order of them.
  const calm = {
    ...given,
    adapter: { ...given.adapter, dropout: 0 },
    training: { ...given.training, embeddingNoise: 0, deterministic: 'repeatable' as const },
  }
  const prepared = await prepare(calm, signal)
  const { spec } = prepared.base
  return engineErrors(async () => {
    const trainer = openTrainer(prepared, alone)
    const stop = () => trainer.setAbort(true)
    signal?.addEventListener('abort', stop)
    try {
      await startParameters(trainer, prepared, signal)
      const { train } = prepared.rows
      const rows = Array.from({ length: train.length }, (_, i) => train.row(i))
      const batches = batchesOf(rows, calm.training.batchSize)
      const measure = measuring(
        trainer,
        batches.reduce((sum, { weight }) => sum + weight, 0),
      )
      for (const [micro, batch] of batches.entries()) {
        const { finished } = await trainer.forwardBackward(batch, { weight: 1 / Math.max(batch.weight, 1e-9), micro })
        signal?.throwIfAborted()
        if (finished) measure.add(batch)
        trainer.zeroGradients()
      }
      return prepared.adapter!.modules.map(({ name, projection, rank, scale }) => {
        const [outputs, inputs] = projectionShape(spec, projections[projection]!)
        const path = modulePath(architectureNamed(spec.architecture), name)!
        const directions = measure.directions(name, rank)
        return { name, path, inputs, outputs, rank, scale, directions, gains: measure.gains(name, rank, scale) }
      })
    } finally {
      signal?.removeEventListener('abort', stop)
      trainer.close()
    }
  })
}

/** Gathers the gradients of batches, each of which has the share of its weight. */
function measuring(trainer: NativeTrainer, totalWeight: number) {
  const factors = trainer
    .tensors()
    .filter(({ role }) => role === 'lora_a' || role === 'lora_b')
    .map((tensor) => ({
      ...tensor,
      values: trainer.read('parameters', tensor.offset, tensor.rows * tensor.columns),
      mean: new Float64Array(tensor.rows * tensor.columns),
    }))
  const worths = new Map<string, Float64Array>()
  return {
    add(batch: MicroBatch) {
      const share = batch.weight / totalWeight
      for (const { module, role, rows, columns, gradient: piece, values, mean } of factors) {
        const gradient = trainer.read('gradients', piece.offset, piece.count)
        const along = new Float64Array(role === 'lora_a' ? rows : columns)
        for (let i = 0; i < gradient.length; i++) {
          mean[i]! += share * gradient[i]!
          along[directionOf(i, { role, columns })]! += values[i]! * gradient[i]!
        }
        // Scaling a column of B or the row of A is the same, so one of them tells.
        if (role !== 'lora_a') continue
        const worth = worths.get(module) ?? new Float64Array(rows)
        worths.set(module, worth)
        for (const [k, value] of along.entries()) worth[k]! += share * Math.abs(value)
      }
    },
    directions(name: string, rank: number): DirectionGradients[] {
      const [squares, slopes] = [new Float64Array(rank), new Float64Array(rank)]
      for (const { module, role, columns, mean } of factors)
        if (module === name)
          for (const [i, value] of mean.entries()) {
            const k = directionOf(i, { role, columns })
            squares[k]! += value ** 2
            slopes[k]! += Math.abs(value)
          }
      const worth = worths.get(name)
      return Array.from(squares, (square, k) => ({ norm: Math.sqrt(square), slope: slopes[k]!, worth: worth?.[k] ?? 0 }))
    },
    /** B's gradient is scale · G · Aᵀ: a sketch of the matrix's own gradient G by as many random directions as the rank. */
    gains(name: string, rank: number, scale: number): number[] {
      const of = (wanted: TrainedTensor['role']) => factors.find(({ module, role }) => module === name && role === wanted)
      const [a, b] = [of('lora_a'), of('lora_b')]
      if (!a || !b) return []
      const gram = new Float64Array(rank * rank)
      for (let row = 0; row < b.mean.length; row += rank)
        for (let i = 0; i < rank; i++) for (let j = 0; j < rank; j++) gram[i * rank + j]! += b.mean[row + i]! * b.mean[row + j]!
      const spread = a.values.reduce((sum, value) => sum + value * value, 0) / a.values.length
      const { values } = symmetricEigen(gram, rank)
      return Array.from(values, (value) => Math.max(0, value) / Math.max(Number.MIN_VALUE, rank * spread * scale ** 2))
    },
  }
}

/** A is [rank, inputs], B [outputs, rank]. */
const directionOf = (i: number, { role, columns }: Pick<TrainedTensor, 'role' | 'columns'>): number =>
  role === 'lora_a' ? Math.floor(i / columns) : i % columns
