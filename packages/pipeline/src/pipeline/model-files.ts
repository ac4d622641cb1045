import { join } from 'node:path'
import { quantize } from '@qt/quantize'
import { convert, merge } from '@qt/weights'
import { z } from 'zod'
import { hashPath } from './hashing.js'
import { emptyFolder } from './own-folder.js'
import { stage, type Workshop } from './stage.js'
import type { Tuned } from './tune.js'
import { workKey } from './work-key.js'

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** Lays the adapter into the base for good; a model that was trained whole is taken as it is. */
export async function mergeAdapter(workshop: Workshop, { kind }: Tuned): Promise<string> {
  const { base, config, emit, signal } = workshop
  const trained = join(config.output, 'train', kind)
  const inputs = { kind, trained: await hashPath(trained), base: kind === 'adapter' ? await hashPath(base) : undefined }
  const { folder } = await stage(workshop, {
    name: 'merge',
    inputs,
    result: z.object({ folder: z.enum(['merged', 'train/model']), changed: z.number() }),
    async work() {
      if (kind === 'model') return { result: { folder: 'train/model', changed: 0 }, outputs: [] }
      const out = join(config.output, 'merged')
      await emptyFolder(out, workKey('merge', inputs))
      const report = await merge({
        base,
        adapters: [{ path: trained }],
        out,
        type: 'F16',
        signal,
        onProgress: ({ tensor, done, total }) => emit({ type: 'progress', stage: 'merge', text: tensor, done, total }),
      })
      for (const message of report.warnings) emit({ type: 'message', level: 'warning', message })
      return { result: { folder: 'merged', changed: report.changed }, outputs: ['merged'] }
    },
    summary: ({ changed }) => (changed ? `${changed} tensors changed` : 'the whole model was trained; nothing to merge'),
  })
  return join(config.output, folder)
}

/** One GGUF file in 16 bits. */
export async function toGguf(workshop: Workshop, folder: string): Promise<string> {
  const { config, emit, signal } = workshop
  const name = 'model-f16.gguf'
  await stage(workshop, {
    name: 'convert',
    inputs: { folder: await hashPath(folder) },
    result: z.object({ tensors: z.number() }),
    async work() {
      const written = await convert(folder, join(config.output, name), {
        type: 'F16',
        signal,
        onProgress: ({ tensor, done, total }) => emit({ type: 'progress', stage: 'convert', text: tensor, done, total }),
      })
      return { result: { tensors: written.tensors }, outputs: [name] }
    },
    summary: ({ tensors }) => `${name}, ${tensors} tensors`,
  })
  return join(config.output, name)
}

export interface Quantised {
  readonly type: string
  readonly path: string
  readonly bytes: number
}

/** A file of each type that was asked for. */
export async function quantiseAll(workshop: Workshop, model: string): Promise<Quantised[]> {
  const { config, emit, signal } = workshop
  const types = config.quantise
  const made = await stage(workshop, {
    name: 'quantise',
    inputs: { model: await hashPath(model), types },
    result: z.array(z.object({ type: z.string(), name: z.string().regex(/^model-[a-z0-9_]+\.gguf$/), bytes: z.number() })),
    async work() {
      const result: { type: string; name: string; bytes: number }[] = []
      for (const [index, type] of types.entries()) {
        const name = `model-${type.toLowerCase()}.gguf`
        const { fileBytes } = await quantize(model, join(config.output, name), {
          type,
          signal,
          onWarning: (message) => emit({ type: 'message', level: 'warning', message }),
        })
        result.push({ type, name, bytes: fileBytes })
        emit({ type: 'progress', stage: 'quantise', text: name, done: index + 1, total: types.length })
      }
      return { result, outputs: result.map(({ name }) => name) }
    },
    summary: (files) => files.map(({ name, bytes }) => `${name} ${mb(bytes)}`).join(', '),
  })
  return made.map(({ type, name, bytes }) => ({ type, path: join(config.output, name), bytes }))
}
