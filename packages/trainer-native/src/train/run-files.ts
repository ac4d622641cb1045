import { createHash } from 'node:crypto'
import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TrainingConfig, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { parse, stringify } from 'yaml'
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
  if (await isThere(events))
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

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

/** Nor over what is no run's and lies where its files will be: a configuration that somebody keeps there, or a model. */
export async function requireOwnFolder(output: string, prepared: Pick<Prepared, 'config' | 'adapter'>): Promise<void> {
  const { events, config } = runFiles(output)
  if (await isThere(events)) return
  const own = configText(prepared)
  // What was left by a run that began nothing else is the same.
  const isOther = (await isThere(config)) && (await readFile(config, 'utf8')) !== own
  const result = join(output, prepared.config.adapter ? 'adapter' : 'model')
  const lost = isOther ? config : (await isThere(result)) ? result : undefined
  if (lost !== undefined)
    throw usageError('RUN_EXISTS', `The run would write over ${lost}, and there is no events.jsonl that makes it a run's.`, {
      where: { file: lost },
      actions: ['Choose an "output" of its own for the run.', `Or move or rename ${lost}.`],
    })
}

/** What the run was really configured with, defaults and adapter included. */
export async function saveConfig(output: string, prepared: Pick<Prepared, 'config' | 'adapter'>): Promise<void> {
  await makeFolder(output)
  await writeFileAtomic(runFiles(output).config, configText(prepared))
}

const configText = ({ config, adapter }: Pick<Prepared, 'config' | 'adapter'>): string =>
  stringify(resolvedConfig(config, adapter))

/** Settings that another start of a run may change: they follow from the machine, or change no number. */
const free: readonly string[] = [
  ...['output', 'threads', 'device', 'target'],
  ...['saveEvery', 'shardBase', 'shardGradients', 'tensorParallel', 'feedForwardChunk', 'offload', 'checkpointing'].map(
    (name) => `training.${name}`,
  ),
]

/** In a sentence each: how the configuration differs from that in the run's folder, where that can be read. */
export async function changedSettings(output: string, prepared: Pick<Prepared, 'config' | 'adapter'>): Promise<string[]> {
  const saved: unknown = await readFile(runFiles(output).config, 'utf8')
    .then((text) => parse(text))
    .catch(() => undefined)
  if (typeof saved !== 'object' || saved === null) return []
  const [before, now] = [leaves(saved), leaves(parse(configText(prepared)))]
  const shown = (value: string | undefined) => value ?? 'left out'
  return [...new Set([...before.keys(), ...now.keys()])]
    .filter((key) => !free.includes(key) && before.get(key) !== now.get(key))
    .map((key) => `${key} was ${shown(before.get(key))}, and is ${shown(now.get(key))}.`)
}

/** Each single value by the path of its keys. */
function leaves(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return new Map([[path, JSON.stringify(value)]])
  const prefix = path === '' ? '' : `${path}.`
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, `${prefix}${key}`)]))
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
