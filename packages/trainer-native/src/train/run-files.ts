import { createHash } from 'node:crypto'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type TrainingConfig, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { stringify } from 'yaml'
import { storageOf } from '../supported.js'
import { contentSample } from './content-sample.js'
import { parameterGroups } from './parameter-groups.js'
import type { Prepared } from './prepare.js'
import type { Windows } from './windows.js'

/** Where a run keeps its files. */
export const runFiles = (output: string) => ({
  events: join(output, 'events.jsonl'),
  log: join(output, 'run.log'),
  config: join(output, 'config.yaml'),
  report: join(output, 'report.html'),
  checkpoints: join(output, 'checkpoints'),
})

/** A new run does not write over an old one. */
export async function requireFresh(output: string): Promise<void> {
  const { events, checkpoints } = runFiles(output)
  const elsewhere = ['Choose another "output".', `Delete ${output} to start over.`]
  const there = await access(events).then(
    () => true,
    () => false,
  )
  if (there)
    throw usageError('RUN_EXISTS', `There is a run in ${output} already.`, {
      where: { file: events },
      actions: ['Go on with it: add --resume.', ...elsewhere],
    })
  // Among those of a new run the old ones would be taken for its newest.
  const saved = await readdir(checkpoints).catch(() => [])
  if (saved.length > 0)
    throw usageError('RUN_EXISTS', `There are checkpoints of a run in ${output} already, though its events.jsonl is gone.`, {
      where: { file: checkpoints },
      actions: ['Put events.jsonl back, and go on with the run: add --resume.', ...elsewhere],
    })
}

/** What the run was really configured with, defaults and adapter included. */
export async function saveConfig(output: string, { config, adapter }: Prepared): Promise<void> {
  await makeFolder(output)
  await writeFileAtomic(runFiles(output).config, stringify(resolvedConfig(config, adapter)))
}

export function resolvedConfig(config: TrainingConfig, adapter: Prepared['adapter']): Record<string, unknown> {
  if (!config.adapter || !adapter) return { ...config }
  const { rank, alpha, dropout, rankStabilised, targets } = adapter
  // PEFT may say by paths or a pattern what an adapter to go on from sits on; a configuration cannot, and need not.
  const places = config.adapter.init === undefined ? { targets } : {}
  return { ...config, adapter: { ...config.adapter, rank, alpha, dropout, rankStabilised, ...places } }
}

/**
 * A fingerprint of all that decides the numbers of a run; a resumed run must have the same, or one of those by which earlier versions
 * knew it.
 */
export async function fingerprint(
  { config, base, adapter, rows, step }: Prepared,
  { totalSteps, microBatches }: Pick<Windows, 'totalSteps' | 'microBatches'>,
): Promise<{ configuration: string; earlier: readonly string[] }> {
  // What only saves memory may be another after a pause.
  const {
    steps: _steps,
    epochs: _epochs,
    saveEvery: _save,
    shardBase: _base,
    shardGradients: _gradients,
    tensorParallel: _tensor,
    feedForwardChunk,
    offload: _offload,
    deterministic,
    ...settings
  } = config.training
  const strict = deterministic === 'strict'
  // Which rows a step has is decided by all micro-batches together, whoever takes them.
  const training = { ...settings, gradAccumulation: microBatches, ...(strict ? { deterministic } : {}) }
  const decisive = {
    base: base.model && (await contentSample([...base.model.tensors.values()].map(({ file }) => file))),
    architecture: config.architecture,
    baseStorage: storageOf(config),
    adapter: adapter && { ...adapter, start: undefined },
    groups: parameterGroups(1, config),
    init: config.adapter?.init && (await contentSample([join(config.adapter.init, 'adapter_model.safetensors')])),
    training,
    totalSteps,
    data: rows.hash,
    validation: rows.validationHash,
    precision: step.options.precision,
  }
  const { checkpointing: _checkpointing, ...now } = training
  const chunk = strict && typeof feedForwardChunk === 'number' ? { feedForwardChunk } : {}
  const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex')
  return {
    configuration: hash({ ...decisive, training: { ...now, ...chunk } }),
    // Once repeated activations counted, whichever way was set.
    earlier: (['auto', true, false] as const).map((checkpointing) =>
      hash({ ...decisive, training: { ...training, checkpointing } }),
    ),
  }
}
