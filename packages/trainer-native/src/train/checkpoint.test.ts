import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { smallTrainer } from '../../test/engine.js'
import { temporaryFolder } from '../../test/support.js'
import type { NativeTrainer } from '../binding.js'
import { alone } from '../parallel/team.js'
import {
  type CheckpointState,
  checkpointPath,
  findCheckpoint,
  forgetAfter,
  requireNewest,
  restoreCheckpoint,
  writeCheckpoint,
} from './checkpoint.js'

const folder = await temporaryFolder()
let trainer: NativeTrainer
beforeAll(async () => {
  trainer = await smallTrainer()
})
afterAll(() => trainer.close())

const state = (step: number): CheckpointState => ({
  version: 1,
  step,
  stage: 'saved',
  tokens: 10 * step,
  loss: 1.5,
  configuration: 'x',
  logLength: 0,
  earlyStopping: { best: null, since: 0 },
})

const fill = (value: number) => {
  for (const { offset, rows, columns, state: arrays } of trainer.tensors()) {
    trainer.write('parameters', offset, new Float32Array(rows * columns).fill(value))
    for (const [i, array] of arrays.entries())
      trainer.writeState(array.offset, new Uint8Array(new Float32Array(array.bytes / 4).fill(value + i + 1).buffer))
  }
}
const firstNumbers = () => {
  const { offset, state: arrays } = trainer.tensors()[1]!
  const first = (bytes: Uint8Array<ArrayBuffer>) => new Float32Array(bytes.buffer)[0]
  return [trainer.read('parameters', offset, 1)[0], ...arrays.map((array) => first(trainer.readState(array.offset, 4)))]
}

test('parameters and moments come back as they were', async () => {
  const run = join(folder, 'whole')
  fill(5)
  const path = await writeCheckpoint(run, trainer, state(3))
  fill(100)
  const found = await findCheckpoint(run)
  expect(found).toMatchObject({ path, state: state(3) })
  await restoreCheckpoint(found!, trainer)
  expect(firstNumbers()).toEqual([5, 6, 7])
})

test('the two newest are kept', async () => {
  const run = join(folder, 'kept')
  for (const step of [3, 6, 9, 12]) await writeCheckpoint(run, trainer, state(step))
  expect((await readdir(run)).sort()).toEqual(['step-000009', 'step-000012'])
})

test('a checkpoint whose writing was cut short is ignored, and does not stand in the way', async () => {
  const run = join(folder, 'torn')
  await writeCheckpoint(run, trainer, state(3))
  await mkdir(join(run, '.step-000006.tmp'))
  await writeFile(join(run, '.step-000006.tmp', 'parameters.safetensors'), 'half')
  expect((await findCheckpoint(run))?.state.step).toBe(3)
  await writeCheckpoint(run, trainer, state(6))
  expect((await findCheckpoint(run))?.state.step).toBe(6)
  expect((await readdir(run)).sort()).toEqual(['step-000003', 'step-000006'])
})

test('what is left of an earlier job writes into no folder of this one, and goes when a checkpoint is whole', async () => {
  const run = join(folder, 'straggler')
  const seen: string[] = []
  const team = {
    ...alone,
    async gatherText(mine: string) {
      // Meanwhile the other job's process writes where it saw that job write this step.
      for (const name of seen.slice(0, 1)) {
        await mkdir(join(run, name), { recursive: true })
        await writeFile(join(run, name, 'parameters.safetensors'), 'of another job')
      }
      for (const name of await readdir(run).catch(() => [])) if (name.endsWith('.tmp') && !seen.includes(name)) seen.push(name)
      return [mine]
    },
  }
  for (let time = 0; time < 2; time++) await writeCheckpoint(run, trainer, state(3), team)
  expect(seen).toHaveLength(2)
  expect(await readdir(run)).toEqual(['step-000003'])
  expect((await findCheckpoint(run))?.state.step).toBe(3)
})

test('what a full disk has left of an attempt makes room for the next one before it is written', async () => {
  const run = join(folder, 'room')
  const left = join(run, '.step-000003.0.tmp')
  await mkdir(left, { recursive: true })
  const there: string[][] = []
  // Asked for the first time when its folder is named, then when there is one.
  const gatherText = async (mine: string) => {
    there.push(await readdir(run))
    return [mine]
  }
  await writeCheckpoint(run, trainer, state(3), { ...alone, gatherText })
  expect(there[0]).toContain('.step-000003.0.tmp')
  expect(there[1]).not.toContain('.step-000003.0.tmp')
})

test('what breaks off while numbers are handed on is not the checkpoint’s fault', async () => {
  const run = join(folder, 'broken-off')
  await writeCheckpoint(run, trainer, state(3))
  const found = await findCheckpoint(run)
  const team = {
    ...alone,
    // Another process does not see the folder, so that it is read for all.
    gatherText: async (mine: string) => [mine, ''],
    broadcast: () => Promise.reject(new Error('rank 1 died')),
  }
  await expect(restoreCheckpoint(found!, trainer, team)).rejects.toThrow(/^rank 1 died$/)
  await rm(join(found!.path, 'optimizer.safetensors'))
  await expect(restoreCheckpoint(found!, trainer)).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' })
})

test('a damaged one is passed over for the one before it, and named when there is no other', async () => {
  const run = join(folder, 'damaged')
  await writeCheckpoint(run, trainer, state(3))
  const newest = await writeCheckpoint(run, trainer, state(6))
  await writeFile(join(newest, 'optimizer.safetensors'), 'not a checkpoint at all')
  expect(await findCheckpoint(run)).toMatchObject({
    state: { step: 3 },
    passedOver: [expect.stringContaining(`${newest} cannot be used`)],
  })
  await rm(checkpointPath(run, 3), { recursive: true })
  await expect(findCheckpoint(run)).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' })
})

test('a run that goes on from before damaged ones keeps what it saves, and those go', async () => {
  const run = join(folder, 'before-damaged')
  // As a disk leaves them that lost the newest: only the first is whole.
  for (const step of [3, 6, 9]) {
    const path = await writeCheckpoint(join(run, `of-${step}`), trainer, state(step))
    if (step > 3) await rm(join(path, 'optimizer.safetensors'))
    await rename(path, checkpointPath(run, step))
    await rm(join(run, `of-${step}`), { recursive: true })
  }
  // Paused at once.
  await writeCheckpoint(run, trainer, state(4))
  expect(await findCheckpoint(run)).toMatchObject({ state: { step: 4 } })
  await forgetAfter(run, 4)
  expect((await readdir(run)).sort()).toEqual(['step-000003', 'step-000004'])
  expect(await findCheckpoint(run)).toMatchObject({ state: { step: 4 }, passedOver: [] })
})

test('who has looked for a checkpoint before another process saved more does not go on from it', async () => {
  const run = join(folder, 'meantime')
  for (const step of [3, 5]) {
    const found = await findCheckpoint(run)
    await requireNewest(run, found)
    await writeCheckpoint(run, trainer, state(step))
    await expect(requireNewest(run, found)).rejects.toMatchObject({ code: 'RUN_LOCKED', kind: 'failure' })
  }
})

test('one that stepped aside goes when one of a later step is there', async () => {
  const run = join(folder, 'aside')
  await rename(await writeCheckpoint(run, trainer, state(4)), join(run, '.step-000004.old'))
  await writeCheckpoint(run, trainer, state(8))
  expect(await readdir(run)).toEqual(['step-000008'])
})

test.each([
  ['is missing', (path: string) => rm(join(path, 'optimizer.safetensors'))],
  ['is not complete', (path: string) => writeFile(join(path, 'state.json'), '{}')],
  ['is not complete', (path: string) => writeFile(join(path, 'state.json'), '{"step"')],
  ['is missing', (path: string) => rm(join(path, 'state.json'))],
  ['is not what was written', (path: string) => writeFile(join(path, 'parameters.safetensors'), 'x')],
])('of what is damaged is said what is wrong: a file %s', async (why, damage) => {
  const run = join(folder, randomUUID())
  await damage(await writeCheckpoint(run, trainer, state(3)))
  await expect(findCheckpoint(run)).rejects.toThrow(why)
})

test('one flipped bit is found', async () => {
  const run = join(folder, 'flipped')
  const path = await writeCheckpoint(run, trainer, state(3))
  const file = join(path, 'parameters.safetensors')
  const bytes = await readFile(file)
  bytes[bytes.length - 5]! ^= 0x40
  await writeFile(file, bytes)
  await expect(findCheckpoint(run)).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED', where: { file } })
})

test('a kill while a step is written again leaves the old one or the new one', async () => {
  const run = join(folder, 'again')
  const path = await writeCheckpoint(run, trainer, state(4))
  // As after the first rename: the old one has stepped aside, the new one is not in place yet.
  await rename(path, join(run, '.step-000004.old'))
  expect((await findCheckpoint(run))?.state.step).toBe(4)
  await writeCheckpoint(run, trainer, state(4))
  expect(await readdir(run)).toEqual(['step-000004'])
})

test('a folder without checkpoints has none', async () => {
  expect(await findCheckpoint(join(folder, 'nowhere'))).toBeUndefined()
})
