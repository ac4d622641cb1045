import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TrainingConfigInput } from '@qt/core'
import { expect, onTestFinished, test } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { fingerprint, requireFresh, runFiles } from './run-files.js'

const fingerprintOf = async (training: TrainingConfigInput['training']) =>
  fingerprint(await tinyRun({ training }), { totalSteps: 3, microBatches: 1 })

test('what changes no byte may be another after a pause', async () => {
  const { configuration } = await fingerprintOf({})
  for (const saving of [{ checkpointing: true }, { checkpointing: false }, { feedForwardChunk: 32 }, { saveEvery: 3 }])
    expect((await fingerprintOf(saving)).configuration).toBe(configuration)
  expect((await fingerprintOf({ learningRate: 1e-5 })).configuration).not.toBe(configuration)
})

test('in the strict order a chunk that is set counts', async () => {
  const of = async (feedForwardChunk: 32 | 64 | false | 'auto') =>
    (await fingerprintOf({ deterministic: 'strict', feedForwardChunk })).configuration
  expect(await of(32)).not.toBe(await of(64))
  expect(await of('auto')).toBe(await of(false))
})

test('a run whose checkpoint counts repeated activations is known', async () => {
  const { earlier } = await fingerprintOf({})
  // As they were written for auto, true and false.
  expect(earlier).toEqual([
    '2ef0a0149dbababb36492ef733a0c6d0f7c82de82f78ea205703b3251787f8c2',
    '85ad1e8339c9a580e3c6793aeda2b1196e50e8b8a004499672a5cd5bbcad373a',
    '67d96e5c793f6c6ff83c982181588f049938e9352307c6af32577c2b21ab2d1c',
  ])
  expect((await fingerprintOf({ learningRate: 1e-5 })).earlier).not.toContain(earlier[0])
})

test('a new run begins neither over the log of another nor among its checkpoints', async () => {
  const output = await mkdtemp(join(tmpdir(), 'qt-fresh-'))
  onTestFinished(() => rm(output, { recursive: true }))
  const { events, checkpoints } = runFiles(output)
  await mkdir(checkpoints)
  await requireFresh(output)
  await mkdir(join(checkpoints, 'step-000020'))
  await expect(requireFresh(output)).rejects.toMatchObject({ code: 'RUN_EXISTS', where: { file: checkpoints } })
  await writeFile(events, '')
  await expect(requireFresh(output)).rejects.toMatchObject({ code: 'RUN_EXISTS', where: { file: events } })
})
