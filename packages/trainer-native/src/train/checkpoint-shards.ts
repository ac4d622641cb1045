import { join } from 'node:path'
import { readSafetensors, type Safetensors, type SafetensorsTensor, writeSafetensors } from '@qt/weights'
import type { Team } from '../parallel/team.js'
import { type CheckpointKind, checkpointKinds, type StoredArray } from './stored-arrays.js'

/*
 * The files of a checkpoint. One process writes two, each whole. Several write two each: of parameters, which all of them have, a part of
 * the tensors; of the optimiser's state their own piece of each array, one after the other by rank the whole. An array whose rows or columns
 * lie in several of them is whole in the file of one.
 */

const number = (n: number) => String(n).padStart(5, '0')

const fileOf = (kind: CheckpointKind, shard: number, shards: number): string =>
  shards === 1 ? `${kind}.safetensors` : `${kind}-${number(shard + 1)}-of-${number(shards)}.safetensors`

export const checkpointFiles = (shards: number): string[] =>
  checkpointKinds.flatMap((kind) => Array.from({ length: shards }, (_, shard) => fileOf(kind, shard, shards)))

/** In the order in which one process writes them. */
export const inFiles = (arrays: readonly StoredArray[]): StoredArray[] =>
  checkpointKinds.flatMap((kind) => arrays.filter((array) => array.kind === kind))

/** Writes everything into one pair of files; the processes that have pieces of it all call `read` in the same order. */
export async function writeWhole(folder: string, arrays: readonly StoredArray[]): Promise<string[]> {
  for (const kind of checkpointKinds)
    await writeSafetensors(
      join(folder, fileOf(kind, 0, 1)),
      arrays
        .filter((array) => array.kind === kind)
        .map(({ name, dtype, shape, read }) => ({
          name,
          dtype,
          shape,
          // Read when it is written: one tensor at a time in memory, however large the model.
          data: async function* () {
            yield await read(0)
          },
        })),
    )
  return checkpointFiles(1)
}

/** Writes what one process of several is to write; all of them call it. */
export async function writeShard(folder: string, arrays: readonly StoredArray[], team: Writers): Promise<string[]> {
  const files: string[] = []
  for (const kind of checkpointKinds) {
    const all = arrays.filter((array) => array.kind === kind)
    const file = fileOf(kind, team.rank, team.size)
    files.push(file)
    const { tensors, attend } = broughtTogether(all, team)
    await writeSafetensors(join(folder, file), [...ownTensors(kind, all, team), ...tensors])
    await attend()
  }
  return files
}

/** Those that write a checkpoint: neighbours share blocks of the model, and have everything else alike. */
type Writers = Pick<Team, 'rank' | 'size' | 'tensorParallel'>

/** What a process has whole, or a piece of. */
function ownTensors(kind: CheckpointKind, arrays: readonly StoredArray[], team: Writers): SafetensorsTensor[] {
  const there = arrays.filter(({ readOwn }) => readOwn !== undefined)
  const { rank, tensorParallel } = team
  // Of a piece that neighbours have alike one writes it.
  const own =
    kind === 'parameters'
      ? partOf(there, team)
      : there.filter(({ own }, i) => own.bytes > 0 && i % tensorParallel === rank % tensorParallel)
  return own.flatMap(({ name, dtype, shape, own, readOwn }) =>
    readOwn === undefined
      ? []
      : [
          {
            name,
            dtype,
            shape: kind === 'parameters' ? shape : [dtype === 'F32' ? own.bytes / 4 : own.bytes],
            data: async function* () {
              yield readOwn()
            },
          },
        ],
  )
}

/**
 * Arrays whose rows or columns lie in several processes are written whole: in each round everybody brings one of them together, and then
 * all write theirs at the same time. The largest come first, so that those of a round are about alike.
 */
function broughtTogether(arrays: readonly StoredArray[], { rank, size }: Writers) {
  const divided = arrays.filter(({ readOwn }) => readOwn === undefined).sort((x, y) => y.bytes - x.bytes)
  let next = 0
  const round = async () => {
    let mine = new Uint8Array()
    for (const [root, array] of divided.slice(next, next + size).entries()) {
      const bytes = await array.read(root)
      if (root === rank) mine = bytes
    }
    next += size
    return mine
  }
  return {
    tensors: divided
      .filter((_, i) => i % size === rank)
      .map(
        ({ name, dtype, shape }): SafetensorsTensor => ({
          name,
          dtype,
          shape,
          data: async function* () {
            yield await round()
          },
        }),
      ),
    /** Of a last round in which this process has none. */
    async attend() {
      while (next < divided.length) await round()
    },
  }
}

/** About as many bytes for each process, in whole tensors. */
function partOf(arrays: readonly StoredArray[], { rank, size }: Writers): StoredArray[] {
  const total = arrays.reduce((sum, { bytes }) => sum + bytes, 0)
  let before = 0
  return arrays.filter(({ bytes }) => {
    const owner = Math.min(size - 1, Math.floor((before / Math.max(1, total)) * size))
    before += bytes
    return owner === rank
  })
}

type Stored = Pick<StoredArray, 'kind' | 'name' | 'bytes'>

/** Reads a checkpoint that any number of processes wrote. */
export function shardReader(folder: string, shards: number) {
  const opened = new Map<string, Safetensors>()
  const open = async (file: string): Promise<Safetensors> => {
    const known = opened.get(file) ?? (await readSafetensors(join(folder, file)))
    opened.set(file, known)
    return known
  }
  const piecesOf = async (kind: CheckpointKind, name: string) => {
    const pieces: { file: Safetensors; dtype: string; at: number; bytes: number }[] = []
    let at = 0
    for (let shard = 0; shard < shards; shard++) {
      const file = await open(fileOf(kind, shard, shards))
      const piece = file.tensors.get(name)
      if (!piece) continue
      pieces.push({ file, dtype: piece.dtype, at, bytes: piece.bytes })
      at += piece.bytes
    }
    return { pieces, size: at }
  }
  const read = async ({ kind, name, bytes: whole }: Stored, from: number, bytes: number): Promise<Uint8Array<ArrayBuffer>> => {
    const found = new Uint8Array(bytes)
    const { pieces, size } = await piecesOf(kind, name)
    if (size !== whole) throw new Error(`${name} has another size than the model's`)
    for (const { file, at, bytes: length } of pieces) {
      const [first, last] = [Math.max(from, at), Math.min(from + bytes, at + length)]
      if (first < last) found.set(await file.readPart(name, first - at, last - first), first - from)
    }
    return found
  }
  return {
    /** Bytes [from, from + bytes) of an array. */
    read,
    /** All of an array, however large it is. */
    async whole(kind: CheckpointKind, name: string) {
      const { size: bytes } = await piecesOf(kind, name)
      return read({ kind, name, bytes }, 0, bytes)
    },
    /** As what an array lies there; undefined where there is none. */
    dtypeOf: async (kind: CheckpointKind, name: string) => (await piecesOf(kind, name)).pieces[0]?.dtype,
  }
}
