import { type Tokenizer, type TrainingConfig, usageError } from '@qt/core'
import { type PreparedRows, preparePairs, prepareRows } from '@qt/data'
import { Tokenizer as Tokenizers } from '@qt/tokenizer'
import { binding, threadCount } from '../binding.js'
import { gpuPlace } from '../gpu.js'
import { placeOf, requireGroups } from '../parallel/groups.js'
import { type Launch, threadsOf } from '../parallel/launch.js'
import { requireDividable, requireSupportedTraining, storageOf } from '../supported.js'
import { type AdapterPlan, planAdapter } from './adapter-plan.js'
import { type Base, baseTensors, bytesOfAll, openBase, requireQuantisable, sharedBaseBytes } from './base.js'
import { memoryFor } from './memory.js'
import { mapped, type PlannedStep, planStep } from './plan-memory.js'
import { sharedTensors, tensorShare } from './tensor-share.js'
import { extent } from './windows.js'

/** Everything a run follows from, checked, before anything large is allocated. */
export interface Prepared {
  readonly config: TrainingConfig
  readonly base: Base
  readonly tokenizer: Tokenizer | undefined
  readonly rows: PreparedRows
  readonly adapter: AdapterPlan | undefined
  readonly threads: number
  /** Processes of the job on this machine, which share its memory. */
  readonly localSize: number
  readonly step: PlannedStep
  /** The memory of a step with other settings. */
  planned(change: PlanChange): PlannedStep
}

/** What takes less memory and changes no result but rounding and speed. */
export type PlanChange = Partial<
  Pick<TrainingConfig['training'], 'batchSize' | 'checkpointing' | 'feedForwardChunk' | 'offload' | 'optimizer'>
> & {
  readonly quantization?: TrainingConfig['quantization']
  /** Of all processes together. */
  readonly microBatches?: number
}

/** A share of what is free stays for the rest of the machine. */
const usableShare = 0.8

export async function prepare(config: TrainingConfig, signal: AbortSignal | undefined, launch?: Launch): Promise<Prepared> {
  requireSupportedTraining(config)
  requireGroups(launch, config.training.tensorParallel)
  const fresh = config.architecture !== undefined
  const ownTokenizer = config.tokenizer === undefined ? undefined : await Tokenizers.load(config.tokenizer)
  const base = await openBase(config, ownTokenizer?.vocabularySize, signal)
  const storage = storageOf(config)
  if (storage === 'nf4') requireQuantisable(base)
  // A vocabulary takes tens of megabytes, and an adapter for data that is tokenised already never asks for it.
  const asked = config.data.format !== 'tokens' || config.adapter === undefined
  const file = asked ? base.model?.tokenizerFile : undefined
  const tokenizer = ownTokenizer ?? (file === undefined ? undefined : await Tokenizers.load(file))
  const mayBeTokens = ['tokens', 'auto', 'preference'].includes(config.data.format)
  if (tokenizer === undefined && !mayBeTokens)
    throw usageError(
      'TOKENIZER_MISSING',
      fresh ? 'A new model needs a tokenizer to read its data.' : `${base.name} has no tokenizer.`,
      {
        where: { field: 'tokenizer' },
        actions: ['Add "tokenizer": a tokenizer.json or a GGUF file.', 'Train one with: qt tokenizer train'],
      },
    )
  const read = config.training.objective === 'next-token' ? prepareRows : preparePairs
  const rows = await read(config, tokenizer, {
    signal,
    vocabularySize: base.spec.vocabularySize,
    map: (path) => binding().mapFile(path),
  })
  const adapter = config.adapter ? await planAdapter(config.adapter, base.spec) : undefined
  requireDividable(config)
  signal?.throwIfAborted()
  const { localSize, ...process } = launch ?? { rank: 0, size: 1, localSize: 1 }
  const threads = config.threads ?? (launch ? threadsOf(threadCount(undefined), launch) : threadCount(undefined))
  const { deterministic, gradAccumulation, shardBase, shardGradients, tensorParallel } = config.training
  const place = placeOf(process, tensorParallel)
  const { rank, size } = place.rows
  const shareOf = (changed: TrainingConfig) =>
    tensorParallel > 1 ? tensorShare(base, storageOf(changed), place.tensor, changed.training.optimizer) : undefined
  const memory = memoryFor(config.device, localSize)
  const available = { ...memory, free: memory.free * usableShare, beside: (memory.beside ?? 0) * usableShare }
  const basePart = (changed: TrainingConfig) => {
    const storage = storageOf(changed)
    const share = shareOf(changed)
    const tensors = share ? sharedTensors(base, storage, share) : baseTensors(base, storage)
    const part = 'base weights (a share of each block)'
    if (shardBase && size > 1) return { part, bytes: sharedBaseBytes(tensors, { rank, size }) }
    const bytes = bytesOfAll(tensors)
    const gpu = gpuPlace(config.device)
    // Of a model that is trained whole a GPU has the trained numbers alone.
    if (gpu && !adapter) return { part: 'base weights', bytes: 0 }
    if (share) return { part, bytes }
    return { part: gpu ? 'base weights' : mapped, bytes }
  }
  const planned = ({
    quantization = config.quantization,
    microBatches = gradAccumulation * size,
    ...change
  }: PlanChange): PlannedStep => {
    const changed = { ...config, quantization, training: { ...config.training, ...change } }
    return planStep({
      spec: base.spec,
      config: changed,
      extent: extent([rows.train, rows.validation], changed.training.batchSize),
      adapters: adapter?.modules ?? [],
      saved: adapter?.saved ?? [],
      dropout: adapter?.dropout ?? 0,
      base: basePart(changed),
      threads,
      share: {
        rank,
        processes: size,
        microBatches,
        strict: deterministic === 'strict',
        base: shardBase && size > 1,
        once: !shardGradients && microBatches > size,
        tensor: shareOf(changed),
      },
      available,
    })
  }
  return { config, base, tokenizer, rows, adapter, threads, localSize, step: planned({}), planned }
}
