import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf, QtError } from '@qt/core'
import { syncFolder, writeFileAtomic } from '@qt/core/node'
import { readSafetensors, writeSafetensors } from '@qt/weights'
import { z } from 'zod'
import type { NativeTrainer } from '../binding.js'
import { alone, type Team } from '../parallel/team.js'
import { trainedName } from './trained-name.js'

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
  earlyStopping: z.object({ best: z.number().nullable(), since: z.number().int() }),
  /** As configured, and of a whole step of all processes: a run that goes on in another number of them keeps its steps. */
  gradAccumulation: z.number().int().positive().optional(),
  microBatches: z.number().int().positive().optional(),
  /** Rows of a micro-batch, where memory was too small for as many as configured, and tokens of a feed-forward at once. */
  batchSize: z.number().int().positive().optional(),
  feedForwardChunk: z.union([z.literal(false), z.number().int().positive()]).optional(),
})

type StoredState = z.infer<typeof stateSchema>
export type CheckpointState = Omit<StoredState, 'files'>

/** One array of numbers in a checkpoint: where it lies in the trainer, and under which name in which file. */
interface StoredArray {
  readonly file: (typeof fileNames)[number]
  readonly name: string
  readonly dtype: 'F32' | 'U8'
  readonly shape: readonly number[]
  readonly bytes: number
  /** Its parts lie in several processes, all of which must read it. */
  readonly shared: boolean
  /** The whole array, in process 0. */
  read(): Promise<Uint8Array<ArrayBuffer>>
  write(whole: Uint8Array<ArrayBuffer>): void
}

const fileNames = ['parameters.safetensors', 'optimizer.safetensors'] as const

/** Everything that a trainer remembers between steps. */
function storedArrays(trainer: NativeTrainer): StoredArray[] {
  const origins = trainer.origins().map(
    (tensor): StoredArray => ({
      file: 'parameters.safetensors',
      name: `${trainedName(tensor)}.origin`,
      dtype: 'F32',
      shape: [tensor.rows, tensor.columns],
      bytes: tensor.rows * tensor.columns * 4,
      shared: false,
      read: async () => new Uint8Array(trainer.read('origins', tensor.offset, tensor.rows * tensor.columns).buffer),
      write: (bytes) => trainer.write('origins', tensor.offset, new Float32Array(bytes.buffer)),
    }),
  )
  const trained = trainer.tensors().flatMap((tensor, index): StoredArray[] => {
    const { rows, columns, offset } = tensor
    const name = trainedName(tensor)
    const shape = rows === 1 ? [columns] : [rows, columns]
    return [
      {
        file: 'parameters.safetensors',
        name,
        dtype: 'F32',
        shape,
        bytes: rows * columns * 4,
        shared: false,
        read: async () => new Uint8Array(trainer.read('parameters', offset, rows * columns).buffer),
        write: (bytes) => trainer.write('parameters', offset, new Float32Array(bytes.buffer)),
      },
      ...tensor.state.map(
        (array, at): StoredArray => ({
          file: 'optimizer.safetensors',
          name: `${name}.${array.name}`,
          dtype: array.dtype,
          shape:
            array.wholeBytes === rows * columns * 4 ? shape : [array.dtype === 'F32' ? array.wholeBytes / 4 : array.wholeBytes],
          bytes: array.wholeBytes,
          shared: true,
          read: () => trainer.gatherState(index, at),
          write: (whole) => trainer.writeState(array.offset, whole.subarray(array.from, array.from + array.bytes)),
        }),
      ),
    ]
  })
  return [...trained, ...origins]
}

const kept = 2

const folderName = (step: number) => `step-${String(step).padStart(6, '0')}`

/** Where the checkpoint of a step lies. */
export const checkpointPath = (folder: string, step: number): string => join(folder, folderName(step))

/**
 * Writes parameters, optimiser state and position as public files, whole or not at all: temporary folder, fsync, rename.
 * The two newest checkpoints are kept. Process 0 writes; the others hand it what they have.
 */
export async function writeCheckpoint(
  folder: string,
  trainer: NativeTrainer,
  state: CheckpointState,
  { rank }: Pick<Team, 'rank'> = alone,
): Promise<string> {
  const path = checkpointPath(folder, state.step)
  if (rank > 0) {
    for (const array of storedArrays(trainer)) if (array.shared) await array.read()
    return path
  }
  const temporary = join(folder, `.${folderName(state.step)}.tmp`)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { recursive: true })
  const arrays = storedArrays(trainer)
  for (const file of fileNames)
    await writeSafetensors(
      join(temporary, file),
      arrays
        .filter((array) => array.file === file)
        .map(({ name, dtype, shape, read }) => ({
          name,
          dtype,
          shape,
          // Read when it is written: one tensor at a time in memory, however large the model.
          data: async function* () {
            yield await read()
          },
        })),
    )
  const files: Record<string, string> = {}
  for (const file of fileNames) files[file] = await digest(join(temporary, file))
  const stored: StoredState = { ...state, files }
  await writeFileAtomic(join(temporary, 'state.json'), `${JSON.stringify(stored, null, 2)}\n`)
  await syncFolder(temporary)
  // The same step is written twice when a run pauses just after a checkpoint: the old one steps aside, it is never half deleted.
  const old = join(folder, `.${folderName(state.step)}.old`)
  await rm(old, { recursive: true, force: true })
  await rename(path, old).catch(() => {})
  await rename(temporary, path)
  await syncFolder(folder)
  await rm(old, { recursive: true, force: true })
  for (const step of (await steps(folder)).slice(kept)) await rm(join(folder, folderName(step)), { recursive: true, force: true })
  return path
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece)
  return hash.digest('hex')
}

async function requireWhole(file: string, expected: string | undefined): Promise<void> {
  const found = await digest(file).catch((cause: unknown) => {
    throw damaged(file, cause)
  })
  if (found !== expected) throw damaged(file, new Error('its content is not what was written'))
}

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
  return (await candidates(folder)).filter((name) => !name.startsWith('.')).map((name) => Number(name.slice('step-'.length)))
}

export interface FoundCheckpoint {
  readonly path: string
  readonly state: CheckpointState
}

/** The newest whole checkpoint of a run, or undefined when it has none; an error when it has only damaged ones. */
export async function findCheckpoint(folder: string): Promise<FoundCheckpoint | undefined> {
  let error: QtError | undefined
  for (const name of await candidates(folder)) {
    const path = join(folder, name)
    const file = join(path, 'state.json')
    try {
      const state = stateSchema.parse(JSON.parse(await readFile(file, 'utf8')))
      for (const name of fileNames) await requireWhole(join(path, name), state.files[name])
      return { path, state }
    } catch (cause) {
      error ??= QtError.isInstance(cause) ? cause : damaged(file, cause)
    }
  }
  if (error) throw error
  return undefined
}

const damaged = (file: string, cause: unknown) =>
  new QtError({
    code: 'CHECKPOINT_DAMAGED',
    message: `No checkpoint of this run can be used. Of the newest: ${cause instanceof z.ZodError ? 'its state is not complete' : messageOf(cause)}.`,
    where: { file },
    actions: [`Restore ${dirname(file)}, or choose another "output" and start anew.`],
    cause,
  })

/** Puts a checkpoint's numbers back into the trainer: process 0 reads them, and each takes its share. */
export async function restoreCheckpoint(
  { path }: FoundCheckpoint,
  trainer: NativeTrainer,
  team: Pick<Team, 'rank' | 'broadcast'> = alone,
): Promise<void> {
  const arrays = storedArrays(trainer)
  if (team.rank > 0) {
    for (const name of fileNames)
      for (const array of arrays) if (array.file === name) array.write(await team.broadcast(new Uint8Array()))
    return
  }
  for (const name of fileNames) {
    const file = join(path, name)
    try {
      const tensors = await readSafetensors(file)
      for (const array of arrays.filter((one) => one.file === name)) {
        const bytes = await tensors.read(array.name)
        if (bytes.byteLength !== array.bytes) throw new Error(`${array.name} has another size than the model's`)
        array.write(await team.broadcast(bytes))
      }
    } catch (cause) {
      throw damaged(file, cause)
    }
  }
}
