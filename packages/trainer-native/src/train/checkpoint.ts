import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { messageOf, QtError } from '@qt/core'
import { syncFolder, writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import type { NativeTrainer } from '../binding.js'
import { alone, type Team } from '../parallel/team.js'
import { checkpointFiles, inFiles, shardReader, writeShard, writeWhole } from './checkpoint-shards.js'
import { type StoredArray, storedArrays } from './stored-arrays.js'
import { readStored } from './stored-moments.js'

const stateSchema = z.object({
  version: z.literal(1),
  step: z.number().int().nonnegative(),
  /** What of this step is done: its update, its validation, its checkpoint. */
  stage: z.enum(['stepped', 'validated', 'saved']),
  tokens: z.number().int().nonnegative(),
  loss: z.number().nullable(),
  /** Of everything that decides what is computed: configuration and data. */
  configuration: z.string(),
  /** Length of events.jsonl when the checkpoint was made. */
  logLength: z.number().int().nonnegative(),
  /** SHA-256 of each file beside this one. */
  files: z.record(z.string(), z.string()),
  /** How many processes wrote them, where there were several, and how long each file is. */
  shards: z.number().int().positive().optional(),
  lengths: z.record(z.string(), z.number().int().nonnegative()).optional(),
  earlyStopping: z.object({ best: z.number().nullable(), since: z.number().int() }),
  /** As configured, and of a whole step of all processes: a run that goes on in another number of them keeps its steps. */
  gradAccumulation: z.number().int().positive().optional(),
  microBatches: z.number().int().positive().optional(),
  /** Rows of a micro-batch, where memory was too small for as many as configured, and tokens of a feed-forward at once. */
  batchSize: z.number().int().positive().optional(),
  feedForwardChunk: z.union([z.literal(false), z.number().int().positive()]).optional(),
})

type StoredState = z.infer<typeof stateSchema>
export type CheckpointState = Omit<StoredState, 'files' | 'shards' | 'lengths'>

const kept = 2

const folderName = (step: number) => `step-${String(step).padStart(6, '0')}`

/** Where the checkpoint of a step lies. */
export const checkpointPath = (folder: string, step: number): string => join(folder, folderName(step))

/**
 * Writes parameters, optimiser state and position as public files, whole or not at all: temporary folder, fsync, rename.
 * The two newest checkpoints are kept. Where all processes see the folder of process 0, each writes what it has, and process 0 at the
 * end the manifest that names all files with their lengths and hashes; else they hand it what they have.
 */
export async function writeCheckpoint(
  folder: string,
  trainer: NativeTrainer,
  state: CheckpointState,
  team: Pick<Team, 'rank' | 'size' | 'tensorParallel' | 'gatherText'> = alone,
): Promise<string> {
  const { rank } = team
  const path = checkpointPath(folder, state.step)
  // A name of its own: a process that is left of an earlier job may still be writing the same step.
  const [token = ''] = await team.gatherText(rank === 0 ? randomUUID() : '')
  const temporary = join(folder, `.${folderName(state.step)}.${token}.tmp`)
  if (rank === 0) {
    // Of one that was never finished there may be as much as this one takes: on a disk that was full for it, this one needs the room.
    await removeAside(folder, 'tmp')
    await mkdir(temporary, { recursive: true })
  }
  const arrays = storedArrays(trainer)
  const together = team.size > 1 && (await allSee(temporary, team))
  const own: Record<string, WrittenFile> = {}
  if (together) for (const file of await writeShard(temporary, arrays, team)) own[file] = await written(join(temporary, file))
  else if (rank === 0) for (const file of await writeWhole(temporary, arrays)) own[file] = await written(join(temporary, file))
  else for (const { shared, read } of inFiles(arrays)) if (shared) await read(0)
  const everybodys = await team.gatherText(JSON.stringify(own))
  if (rank > 0) return path
  const files: Record<string, string> = {}
  const lengths: Record<string, number> = {}
  for (const text of everybodys) {
    const theirs: Record<string, WrittenFile> = JSON.parse(text)
    for (const [file, { hash, length }] of Object.entries(theirs)) {
      files[file] = hash
      lengths[file] = length
    }
  }
  const stored: StoredState = { ...state, files, ...(together ? { shards: team.size, lengths } : {}) }
  await writeFileAtomic(join(temporary, 'state.json'), `${JSON.stringify(stored, null, 2)}\n`)
  await syncFolder(temporary)
  // The same step is written twice when a run pauses just after a checkpoint: the old one steps aside, it is never half deleted. One that
  // stepped aside for another that never came may be the only one, and goes when another is there.
  const old = join(folder, `.${folderName(state.step)}.old`)
  const again = await stat(path).catch(() => undefined)
  if (again) {
    await rm(old, { recursive: true, force: true })
    await rename(path, old)
  }
  await rename(temporary, path)
  await syncFolder(folder)
  // Of later steps there may be some that cannot be used: this one does not make room for them.
  const upToHere = (await steps(folder)).filter((step) => step <= state.step)
  for (const step of upToHere.slice(kept)) await rm(join(folder, folderName(step)), { recursive: true, force: true })
  await removeAside(folder, 'tmp', 'old')
  return path
}

/** Removes checkpoints that were never finished (tmp), or have stepped aside (old). */
async function removeAside(folder: string, ...kinds: readonly ('tmp' | 'old')[]): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (name.startsWith('.step-') && kinds.some((kind) => name.endsWith(`.${kind}`)))
      await rm(join(folder, name), { recursive: true, force: true })
}

/**
 * Removes what was saved after a step from which the run goes on: damaged ones, which were passed over. The log no longer has their steps, so
 * that none of them is one to go on from, should it be whole again.
 */
export async function forgetAfter(folder: string, step: number): Promise<void> {
  for (const name of await candidates(folder))
    if (stepOf(name) > step) await rm(join(folder, name), { recursive: true, force: true })
}

/** Whether a folder of process 0 is that of all processes: each finds there what process 0 has just written. */
async function allSee(folder: string, { rank, gatherText }: Pick<Team, 'rank' | 'gatherText'>): Promise<boolean> {
  const mark = join(folder, 'mark')
  const token = rank === 0 ? randomUUID() : ''
  if (rank === 0) await writeFile(mark, token)
  const [expected] = await gatherText(token)
  const seen = await readFile(mark, 'utf8').catch(() => '')
  const all = await gatherText(seen === expected ? 'seen' : '')
  if (rank === 0) await rm(mark)
  return all.every((one) => one === 'seen')
}

interface WrittenFile {
  readonly hash: string
  readonly length: number
}

const written = async (file: string): Promise<WrittenFile> => ({ hash: await digest(file), length: (await stat(file)).size })

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece)
  return hash.digest('hex')
}

/** What is wrong with a file of a checkpoint. */
class Damage extends Error {
  constructor(
    readonly file: string,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`${basename(file)} ${why}`, options)
  }
}

function damageOf(file: string, cause: unknown): Damage {
  if (cause instanceof Damage) return cause
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  const isTorn = cause instanceof z.ZodError || cause instanceof SyntaxError
  return new Damage(file, isMissing ? 'is missing' : isTorn ? 'is not complete' : `cannot be read: ${messageOf(cause)}`, {
    cause,
  })
}

async function requireWhole(file: string, expected: string | undefined): Promise<void> {
  const found = await digest(file).catch((cause: unknown) => {
    throw damageOf(file, cause)
  })
  if (found !== expected) throw new Damage(file, 'is not what was written')
}

/** Asked first: what was cut off is found without reading all of it. */
async function requireLength(file: string, expected: number): Promise<void> {
  const found = await stat(file).catch((cause: unknown) => {
    throw damageOf(file, cause)
  })
  if (found.size !== expected) throw new Damage(file, `has ${found.size} bytes instead of ${expected}`)
}

const stepOf = (name: string): number => Number(/\d+/.exec(name)?.[0])

/** Checkpoint folders, newest step first; of one step the new one before the old that was stepping aside for it. */
async function candidates(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names
    .map((name) => /^(\.?)step-(\d+)(\.old)?$/.exec(name))
    .filter((match) => match !== null && (match[1] === '.') === (match[3] === '.old'))
    .sort((x, y) => Number(y![2]) - Number(x![2]) || x![1]!.length - y![1]!.length)
    .map((match) => match![0])
}

async function steps(folder: string): Promise<number[]> {
  return (await candidates(folder)).filter((name) => !name.startsWith('.')).map(stepOf)
}

export interface FoundCheckpoint {
  readonly path: string
  readonly state: CheckpointState & Pick<StoredState, 'shards'>
  /** The folder of the newest, which may be one that was passed over. */
  readonly newest: string
  /** In a sentence each: newer ones that cannot be used. */
  readonly passedOver: readonly string[]
}

/** The newest whole checkpoint of a run, or undefined when it has none; an error when it has only damaged ones. */
export async function findCheckpoint(folder: string): Promise<FoundCheckpoint | undefined> {
  const passed: { path: string; damage: Damage }[] = []
  const names = await candidates(folder)
  for (const name of names) {
    const path = join(folder, name)
    const file = join(path, 'state.json')
    try {
      const state = stateSchema.parse(JSON.parse(await readFile(file, 'utf8')))
      for (const [name, length] of Object.entries(state.lengths ?? {})) await requireLength(join(path, name), length)
      for (const name of checkpointFiles(state.shards ?? 1)) await requireWhole(join(path, name), state.files[name])
      const passedOver = passed.map(
        ({ path: newer, damage }) =>
          `The checkpoint ${newer} cannot be used, and the run goes on from one before it: ${damage.message}.`,
      )
      return { path, state, newest: names[0] ?? name, passedOver }
    } catch (cause) {
      passed.push({ path, damage: damageOf(file, cause) })
    }
  }
  const [newest] = passed
  if (newest) {
    const { message, file } = newest.damage
    throw damaged(`No checkpoint of this run can be used. Of the newest, ${message}.`, file, newest.path, newest.damage)
  }
  return undefined
}

/** Refuses to go on from what was the newest when it was looked for: until the folder was locked another process may have saved more. */
export async function requireNewest(folder: string, found: Pick<FoundCheckpoint, 'newest'> | undefined): Promise<void> {
  const [now] = await candidates(folder)
  if (now === found?.newest) return
  // No mistake of the user's: a cluster that starts it once more does right.
  throw new QtError({
    code: 'RUN_LOCKED',
    message: 'Another process has gone on with this run in the meantime.',
    where: { file: folder },
    actions: ['See that no other process works on it, and resume once more.'],
  })
}

const damaged = (message: string, file: string, checkpoint: string, cause: unknown) =>
  new QtError({
    code: 'CHECKPOINT_DAMAGED',
    message,
    where: { file },
    actions: [`Restore ${checkpoint}, or choose another "output" and start anew.`],
    cause,
  })

/**
 * Puts a checkpoint's numbers back into the trainer, whatever the number of processes that wrote it. Where all processes see it, each
 * reads what it needs; else process 0 reads everything for all.
 */
export async function restoreCheckpoint(
  { path, state }: FoundCheckpoint,
  trainer: NativeTrainer,
  team: Pick<Team, 'rank' | 'size' | 'broadcast' | 'gatherText'> = alone,
): Promise<void> {
  const arrays = storedArrays(trainer)
  const reader = shardReader(path, state.shards ?? 1)
  const manifests = await team.gatherText(await digest(join(path, 'state.json')).catch(() => ''))
  const together = manifests.every((one) => one === manifests[0])
  const read = (array: StoredArray, from: number, bytes: number) =>
    readStored(reader, array, from, bytes).catch((cause: unknown) => {
      throw damaged(`The checkpoint ${path} cannot be read: ${messageOf(cause)}.`, path, path, cause)
    })
  for (const array of arrays) {
    const { from, bytes } = array.own
    if (together) {
      array.writeOwn(await read(array, from, bytes))
    } else {
      const mine = team.rank === 0 ? await read(array, 0, array.bytes) : new Uint8Array()
      array.writeOwn((await team.broadcast(mine)).slice(from, from + bytes))
    }
  }
}
