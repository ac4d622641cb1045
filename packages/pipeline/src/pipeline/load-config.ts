import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { adapterSchema, nearest, parseConfig, QtError, type TrainingConfig, tensorTypeNames, usageError } from '@qt/core'
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'

/** pipeline.yaml; paths in it are relative to its folder. */
const pipelineSchema = z.strictObject({
  data: z
    .strictObject({
      /** Folder of scenarios to train on. */
      scenarios: z.string().default('scenarios'),
      /** Folder of scenarios to measure on; null: nothing is measured. */
      heldOut: z.string().nullable().default('held-out'),
      /** Variations of each scenario that are trained on besides itself; auto: many for a small base, few for a large one. */
      augment: z.union([z.literal('auto'), z.number().int().min(0).max(1000)]).default('auto'),
      /** JSON file that declares the tools; left out: those of scenarios. */
      tools: z.string().optional(),
    })
    .prefault({}),
  /** GGUF file, Hugging Face folder or hub id; left out: the model that comes with us. */
  base: z.string().optional(),
  /** null: every weight is trained; auto: that for a small base, LoRA for a large one. */
  adapter: z
    .union([z.literal('auto'), adapterSchema])
    .nullable()
    .default('auto'),
  /** As in a training configuration; a learning rate that is left out depends on the base, too. */
  training: z.record(z.string(), z.unknown()).default({}),
  quantise: z.array(z.enum(tensorTypeNames)).min(1).default(['Q8_0']),
  /** Whether llama.cpp is asked too, where node-llama-cpp is installed. */
  llamaCpp: z.boolean().default(true),
  evaluation: z
    .strictObject({
      /** Longest answer. */
      maxTokens: z.number().int().positive().default(96),
      /** Conversations that the report shows. */
      samples: z.number().int().min(0).max(50).default(4),
    })
    .prefault({}),
  output: z.string().default('output'),
})

export type PipelineFile = z.infer<typeof pipelineSchema>

export interface PipelineConfig extends Omit<PipelineFile, 'training' | 'adapter' | 'data'> {
  readonly data: PipelineFile['data'] & { readonly augment: number }
  /** The folder of pipeline.yaml. */
  readonly folder: string
  readonly file: string
  /** Absolute. */
  readonly output: string
  readonly base: string | undefined
  readonly adapter: NonNullable<TrainingConfig['adapter']> | null
  readonly training: TrainingConfig['training']
}

/** As pipeline.yaml has it, before the base is known. */
export interface PipelineSettings extends Omit<PipelineConfig, 'adapter' | 'data'> {
  readonly data: PipelineFile['data']
  readonly adapter: PipelineFile['adapter']
  readonly rateIsGiven: boolean
}

/** Reads DIR/pipeline.yaml; an error names file, line and field. */
export async function loadPipelineConfig(dir: string, overrides: { base?: string | undefined } = {}): Promise<PipelineSettings> {
  const folder = resolve(dir)
  const file = join(dir, 'pipeline.yaml')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError('PIPELINE_MISSING', `There is no pipeline.yaml in ${dir}.`, {
      where: { file },
      actions: [
        'Write one; an empty file takes scenarios/ and held-out/ with every default.',
        'Or begin with a template: qt init DIR --template dungeon-master.',
      ],
      cause,
    })
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [syntax] = document.errors
  if (syntax) throw invalid(`pipeline.yaml is not valid YAML: ${syntax.message}`, lines.linePos(syntax.pos[0]).line)
  const raw: unknown = document.toJS() ?? {}
  const parsed = pipelineSchema.safeParse(raw)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    const path = [...issue.path.map(String), ...(unknown === undefined ? [] : [unknown])]
    const near = unknown === undefined || issue.path.length > 0 ? undefined : nearest(unknown, Object.keys(pipelineSchema.shape))
    throw invalid(
      unknown === undefined
        ? `"${path.join('.') || 'pipeline.yaml'}": ${issue.message}.`
        : `"${path.join('.')}" is not a known key.`,
      lineOf(path),
      path.join('.'),
      near === undefined ? 'Correct it; the README of @qt/pipeline lists the keys.' : `Did you mean "${near}"?`,
    )
  }
  const { base, training, ...rest } = parsed.data
  const local = overrides.base === undefined ? base && relativeTo(folder, base) : overrides.base
  return {
    ...rest,
    folder,
    file,
    base: local,
    output: resolve(folder, rest.output),
    training: trainingOf(training),
    rateIsGiven: 'learningRate' in training || 'learning_rate' in training,
  }

  /** Training settings have one parser; what it says of a field is given the line here. */
  function trainingOf(given: Record<string, unknown>): TrainingConfig['training'] {
    try {
      return parseConfig({ base: 'base', data: { path: 'data' }, training: given }, { file }).training
    } catch (error) {
      if (!QtError.isInstance(error)) throw error
      const field = error.where?.field
      const line = field === undefined ? undefined : lineOf(field.split('.'))
      throw new QtError({
        ...error.toJSON(),
        kind: error.kind,
        where: { ...error.where, ...(line === undefined ? {} : { line }) },
      })
    }
  }

  /** The line of a field in either spelling, or of its nearest parent. */
  function lineOf(path: readonly string[]): number | undefined {
    for (let length = path.length; length > 0; length--)
      for (const spelt of [path, path.map(snakeCase)]) {
        const node: unknown = document.getIn(spelt.slice(0, length), true)
        if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
          return lines.linePos(Number(node.range[0])).line
      }
    return undefined
  }

  function invalid(message: string, line?: number, field?: string, action = 'Correct that line.') {
    return usageError('PIPELINE_INVALID', message, {
      where: { file, ...(line === undefined ? {} : { line }), ...(field === undefined ? {} : { field }) },
      actions: [action],
    })
  }
}

/** A path that is there is one of the folder; anything else may be a hub id. */
const relativeTo = (folder: string, path: string): string => (/^\.{0,2}\/|\.gguf$/.test(path) ? resolve(folder, path) : path)

const snakeCase = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
