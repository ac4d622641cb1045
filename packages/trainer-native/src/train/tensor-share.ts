import { type projections, type TrainingConfig, tensorTypes, usageError } from '@qt/core'
import type { Storage, TensorShare } from '../binding.js'
import { type Base, baseTensors, isProjection, type WithTensors } from './base.js'
import type { Share } from './windows.js'

type Optimizer = TrainingConfig['training']['optimizer']
type Divided = Pick<Base, 'spec' | 'name'> & WithTensors

/** Columns that a draw of random numbers has: where a row may be cut at all. */
const leastColumns = 4
/** What a cut is a multiple of where there is enough: a step of the products, and for moments in 8 bits a run that has a scale. */
const usualColumns = (optimizer: Optimizer | undefined) => (optimizer === 'adamw8bit' ? 256 : 64)

/**
 * What of each block each process of a group has. Key heads stay together with their queries, and attn_output and ffn_down are cut at
 * whole blocks of the type that they are stored in.
 */
export function tensorShare(base: Divided, storage: Storage, { rank, size }: Share, optimizer?: Optimizer): TensorShare {
  const { heads, kvHeads, headDim, ffn } = base.spec
  const ofKey = (heads / kvHeads) * headDim
  const output = unitOf(base, storage, 'attn_output')
  let together = 1
  while (together < kvHeads && (together * ofKey) % output !== 0) together++
  const unit = unitOf(base, storage, 'ffn_down')
  const usual = usualColumns(optimizer)
  const columns = unit < usual && ffn % usual === 0 && ffn / usual >= size ? usual : unit
  const most = Math.min(Math.ceil(kvHeads / together), Math.ceil(ffn / columns))
  if (size > most)
    throw usageError(
      'CONFIG_CONTRADICTION',
      `${base.name} has ${kvHeads} key heads${together > 1 ? `, ${together} to a block of its attn_output,` : ''} and ${ffn} columns of its feed-forward, cut at multiples of ${columns}: ${size} processes cannot share them.`,
      {
        where: { field: 'training.tensorParallel' },
        actions: [
          most > 1 ? `Set "tensorParallel": ${most}, or less.` : 'Remove "tensorParallel".',
          ...(Math.max(output, unit) > leastColumns
            ? ['Or decode the base, so that it has no blocks: baseStorage: bfloat16.']
            : []),
        ],
      },
    )
  return { rank, kvHeads: cuts(kvHeads, together, size), ffn: cuts(ffn, columns, size) }
}

/** About alike, at multiples of `unit`. */
function cuts(whole: number, unit: number, size: number): number[] {
  const units = Math.ceil(whole / unit)
  return Array.from({ length: size + 1 }, (_, r) => Math.min(whole, Math.floor((units * r) / size) * unit))
}

/** Columns of a projection that stay together, in the type that needs the most. */
function unitOf(base: WithTensors, storage: Storage, projection: (typeof projections)[number]): number {
  let most = leastColumns
  for (const { name, type } of baseTensors(base, storage))
    if (name.endsWith(`.${projection}.weight`)) most = Math.max(most, tensorTypes[type].blockSize)
  return most
}

/** Bytes of the base that one process of a group has: of projections its share, everything else whole. */
export function tensorShareBytes(base: WithTensors, storage: Storage, { rank, kvHeads, ffn }: TensorShare): number {
  const part = (list: readonly number[]) => (list[rank + 1]! - list[rank]!) / list.at(-1)!
  let sum = 0
  for (const { name, bytes } of baseTensors(base, storage)) {
    const ofFfn = /\.ffn_(gate|up|down)\.weight$/.test(name)
    const ofAttention = isProjection(name) || /\.attn_[qkv]\.bias$/.test(name)
    sum += bytes * (ofFfn ? part(ffn) : ofAttention ? part(kvHeads) : 1)
  }
  return Math.ceil(sum)
}

/** Whether rows of the base lie in a mapped file, where a share of them is no copy. */
export const liesInFile = (base: WithTensors, storage: Storage): boolean =>
  storage === 'packed' && [...(base.model?.tensors.values() ?? [])].every(({ type }) => type !== 'NF4')
