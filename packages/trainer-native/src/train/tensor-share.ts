import { type projections, type TrainingConfig, tensorTypes, usageError } from '@qt/core'
import type { Storage, TensorShare } from '../binding.js'
import { type Base, baseTensors, isProjection, type TensorInMemory, type WithTensors } from './base.js'
import type { Share } from './windows.js'

type Optimizer = TrainingConfig['training']['optimizer']
type Divided = Pick<Base, 'spec' | 'name'> & WithTensors

/** Columns that a draw of random numbers has: where a row may be cut at all. */
const leastColumns = 4
/** What a cut is a multiple of where there is enough: a step of the products, and for moments in 8 bits a run that has a scale. */
const usualColumns = (optimizer: Optimizer | undefined) => (optimizer === 'adamw8bit' ? 256 : 64)

/**
 * What of each block each process of a group has. Key heads stay together with their queries, and where there are enough of them
 * attn_output and ffn_down are cut at whole blocks of the type that they are stored in; else what is cut is decoded.
 */
export function tensorShare(base: Divided, storage: Storage, { rank, size }: Share, optimizer?: Optimizer): TensorShare {
  const { kvHeads, ffn } = base.spec
  const ofKey = inputsOfKey(base)
  /** Key heads that make a multiple of so many columns of attn_output. */
  const headsFor = (columns: number) => {
    let together = 1
    while (together < kvHeads && (together * ofKey) % columns !== 0) together++
    return together
  }
  const leastHeads = headsFor(leastColumns)
  const most = Math.min(Math.ceil(kvHeads / leastHeads), Math.ceil(ffn / leastColumns))
  if (size > most)
    throw usageError(
      'CONFIG_CONTRADICTION',
      `${base.name} has ${kvHeads} key head${kvHeads === 1 ? '' : 's'} and ${ffn} columns of its feed-forward: ${size} processes cannot share them.`,
      {
        where: { field: 'training.tensorParallel' },
        actions: [most > 1 ? `Set "tensorParallel": ${most}, or less.` : 'Remove "tensorParallel".'],
      },
    )
  const enough = (whole: number, unit: number) => Math.ceil(whole / unit) >= size
  const together = headsFor(unitOf(base, storage, 'attn_output'))
  const down = unitOf(base, storage, 'ffn_down')
  const unit = enough(ffn, down) ? down : leastColumns
  const usual = usualColumns(optimizer)
  const columns = unit < usual && ffn % usual === 0 && enough(ffn, usual) ? usual : unit
  return { rank, kvHeads: cuts(kvHeads, enough(kvHeads, together) ? together : leastHeads, size), ffn: cuts(ffn, columns, size) }
}

/** Columns of attn_output for a key head. */
const inputsOfKey = ({ spec: { heads, kvHeads, headDim } }: Divided): number => (heads / kvHeads) * headDim

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

/** Of the base what one process of a group has: of projections its share, everything else whole. */
export function sharedTensors(base: Divided, storage: Storage, { rank, kvHeads, ffn }: TensorShare): TensorInMemory[] {
  const sides = {
    attention: { list: kvHeads, each: inputsOfKey(base) },
    ffn: { list: ffn, each: 1 },
  }
  return baseTensors(base, storage).map(({ name, type, bytes }) => {
    const ofFfn = /\.ffn_(gate|up|down)\.weight$/.test(name)
    if (!ofFfn && !isProjection(name) && !/\.attn_[qkv]\.bias$/.test(name)) return { name, type, bytes }
    const { list, each } = sides[ofFfn ? 'ffn' : 'attention']
    const part = (list[rank + 1]! - list[rank]!) / list.at(-1)!
    const { blockSize, blockBytes } = tensorTypes[type]
    const cutsInputs = /\.(attn_output|ffn_down)\.weight$/.test(name)
    const throughBlock = cutsInputs && [list[rank]!, list[rank + 1]!].some((cut) => (cut * each) % blockSize !== 0)
    return throughBlock
      ? { name, type: 'F32', bytes: Math.round((bytes / blockBytes) * blockSize * part) * 4 }
      : { name, type, bytes: Math.round(bytes * part) }
  })
}

/** Whether rows of the base lie in a mapped file, where a share of them is no copy. */
export const liesInFile = (base: WithTensors, storage: Storage): boolean =>
  storage === 'packed' && [...(base.model?.tensors.values() ?? [])].every(({ type }) => type !== 'NF4')
