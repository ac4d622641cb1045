import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig, type TrainingConfigInput } from '@qt/core'
import { readAdapter, writeAdapter } from '@qt/weights'
import { expect, test } from 'vitest'
import { fixture, temporaryFolder } from '../../test/support.js'
import { tinyRun } from '../../test/tiny-run.js'
import { prepare } from './prepare.js'
import {
  changedSettings,
  fingerprint,
  requireFresh,
  requireOwnFolder,
  resolvedConfig,
  runFiles,
  saveConfig,
} from './run-files.js'

const folder = await temporaryFolder()

const fingerprintOf = async (training: TrainingConfigInput['training']) =>
  fingerprint(await tinyRun({ training }), { totalSteps: 3, microBatches: 1 })

test('what changes no byte may be another after a pause', async () => {
  const { configuration } = await fingerprintOf({})
  for (const saving of [{ checkpointing: true }, { checkpointing: false }, { feedForwardChunk: 32 }, { saveEvery: 3 }])
    expect((await fingerprintOf(saving)).configuration).toBe(configuration)
  expect((await fingerprintOf({ learningRate: 1e-5 })).configuration).not.toBe(configuration)
})

test('what a run was configured with goes on with it, wherever the adapter sits that it began with', async () => {
  const { base } = await tinyRun()
  const final = await readAdapter(fixture('lora', 'adapter_final'), base.spec)
  const init = join(folder, 'first-layer')
  const modules = new Map([...final.modules].filter(([name]) => name.startsWith('blk.0.')))
  await writeAdapter(init, { ...final, modules }, base.spec)
  const run = await tinyRun({ adapter: { init, dropout: 0.1 } })
  expect(run.adapter!.targets[0]).toMatch(/^model\.layers\.0\./)
  const resolved = resolvedConfig(run.config, run.adapter)
  const again = await prepare(parseConfig(resolved), undefined)
  const plan = { totalSteps: 3, microBatches: 1 }
  expect(await fingerprint(again, plan)).toEqual(await fingerprint(run, plan))
  expect(resolved.adapter).toMatchObject({ init, rank: final.rank, alpha: final.alpha, dropout: 0.1 })
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
  const output = join(folder, 'fresh')
  const { events, checkpoints } = runFiles(output)
  await mkdir(checkpoints, { recursive: true })
  await requireFresh(output)
  await mkdir(join(checkpoints, 'step-000020'))
  await expect(requireFresh(output)).rejects.toMatchObject({ code: 'RUN_EXISTS', where: { file: checkpoints } })
  await writeFile(events, '')
  await expect(requireFresh(output)).rejects.toMatchObject({ code: 'RUN_EXISTS', where: { file: events } })
})

test('a run writes over no configuration and no adapter that somebody keeps in its folder', async () => {
  const output = join(folder, 'own')
  const { config, events } = runFiles(output)
  const run = await tinyRun({})
  await mkdir(output)
  await requireOwnFolder(output, run)
  await writeFile(config, '# What I found out so far\nbase: model.gguf\n')
  await expect(requireOwnFolder(output, run)).rejects.toMatchObject({
    code: 'RUN_EXISTS',
    kind: 'usage',
    where: { file: config },
  })
  // One that was stopped before anything else left its own.
  await saveConfig(output, run)
  await requireOwnFolder(output, run)
  await mkdir(join(output, run.config.adapter ? 'adapter' : 'model'))
  await expect(requireOwnFolder(output, run)).rejects.toMatchObject({ code: 'RUN_EXISTS' })
  await writeFile(events, '')
  await requireOwnFolder(output, run)
})

test('settings that have changed since a run began are named, but not those that may change', async () => {
  const output = join(folder, 'changed')
  const run = await tinyRun({ training: { learningRate: 1e-3, saveEvery: 5 } })
  expect(await changedSettings(output, run)).toEqual([])
  await saveConfig(output, run)
  const { training, ...config } = run.config
  const now = { ...run, config: { ...config, threads: 7, training: { ...training, learningRate: 2e-3, saveEvery: 9 } } }
  expect(await changedSettings(output, now)).toEqual(['training.learningRate was 0.001, and is 0.002.'])
  expect(await readFile(runFiles(output).config, 'utf8')).toContain('learningRate: 0.001')
  for (const unreadable of ['training: [1', '']) {
    await writeFile(runFiles(output).config, unreadable)
    expect(await changedSettings(output, now)).toEqual([])
  }
})
