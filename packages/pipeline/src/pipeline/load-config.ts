import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import {
  adapterSchema,
  camelKeys,
  explainIssue,
  parseConfig,
  type TrainingConfig,
  trainingConfigSchema,
  usageError,
} from '@qt/core'
import { parseYaml, placed } from '@qt/core/node'
import { z } from 'zod'
import { quantiseSchema } from './quantise-types.js'

/** pipeline.yaml; paths in it are relative to its folder. */
const pipelineSchema = z.strictObject({
  data: z
    .strictObject({
      /** Folder of scenarios to train on. */
      scenarios: z.string().min(1).default('scenarios'),
      /** Folder of scenarios to measure on; null: nothing is measured. Left out: held-out, where there is one. */
      heldOut: z.string().min(1).nullable().optional(),
      /** Variations of each scenario that are trained on besides itself; auto: many for a small base, few for a large one. */
      augment: z.union([z.literal('auto'), z.number().int().min(0).max(1000)]).default('auto'),
      /** So many generated tales besides, which teach what is called for what; auto: some hundreds, none with tools of one's own. */
      practice: z.union([z.literal('auto'), z.number().int().min(0).max(100_000)]).default('auto'),
      /** JSON file that declares the tools; left out: those of scenarios. */
      tools: z.string().min(1).optional(),
    })
    .prefault({}),
  /** GGUF file, Hugging Face folder or hub id; left out: the model that comes with us. */
  base: z.string().min(1).optional(),
  /** null: every weight is trained; auto: that for a small base, LoRA for a large one. */
  adapter: z
    .union([z.literal('auto'), adapterSchema])
    .nullable()
    .default('auto'),
  /** As in a training configuration; learning rate, batch size and sequence length that are left out suit the base and scenarios. */
  training: z.record(z.string(), z.unknown()).default({}),
  /** Where models are trained, asked and measured; all other work is the processor's. */
  device: trainingConfigSchema.shape.device,
  quantise: quantiseSchema,
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
  output: z.string().min(1).default('output'),
})

type PipelineFile = z.infer<typeof pipelineSchema>
type PipelineData = Omit<PipelineFile['data'], 'heldOut'> & { readonly heldOut: string | null }

export interface Practice {
  readonly tales: number
  /** All that is said in them, or only what is called. */
  readonly learn: 'all' | 'calls'
  /** At most so many for each conversation of the user's own, that few are not drowned; null: as many as were asked for. */
  readonly perConversation: number | null
}

export interface PipelineConfig extends Omit<PipelineFile, 'training' | 'adapter' | 'data'> {
  readonly data: Omit<PipelineData, 'augment' | 'practice'> & { readonly augment: number; readonly practice: Practice }
  /** Whether pipeline.yaml names it, so that it must be there. */
  readonly heldOutIsGiven: boolean
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
  readonly data: PipelineData
  readonly adapter: PipelineFile['adapter']
  /** The training settings that pipeline.yaml names. */
  readonly given: ReadonlySet<string>
}

/** What is said elsewhere goes before pipeline.yaml. */
export interface Overrides {
  readonly base?: string | undefined
  readonly device?: string | undefined
}

/** Reads DIR/pipeline.yaml, in camelCase or snake_case; an error names file, line and field. */
export async function loadPipelineConfig(dir: string, overrides: Overrides = {}): Promise<PipelineSettings> {
  const folder = resolve(dir)
  const file = join(dir, 'pipeline.yaml')
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(dir, file, cause)
  })
  const { value, problem, lineOf } = parseYaml(text)
  if (problem) throw invalid(`pipeline.yaml is not valid YAML: ${problem.message}`, 'Correct that line.', problem)
  const parsed = pipelineSchema.safeParse(placing(() => camelKeys(value ?? {}, '', file)))
  if (!parsed.success) {
    const { path, message, action } = explainIssue(parsed.error.issues[0]!, pipelineSchema)
    const field = path.join('.')
    const line = lineOf(path)
    throw invalid(message, action, { ...(line === undefined ? {} : { line }), ...(field === '' ? {} : { field }) })
  }
  const { base, training, data, ...rest } = parsed.data
  return {
    ...rest,
    data: { ...data, heldOut: data.heldOut === undefined ? 'held-out' : data.heldOut },
    heldOutIsGiven: data.heldOut !== undefined,
    folder,
    file,
    base: overrides.base ?? (base === undefined ? undefined : fromFolder(folder, base)),
    device: overrides.device ?? rest.device,
    output: resolve(folder, rest.output),
    // Training settings have one parser.
    training: placing(() => parseConfig({ base: 'base', data: { path: 'data' }, training }, { file }).training),
    given: new Set(Object.keys(training)),
  }

  /** What a parser says of a field is given the line here. */
  function placing<T>(parse: () => T): T {
    try {
      return parse()
    } catch (error) {
      throw placed(error, lineOf)
    }
  }

  function invalid(message: string, action: string, { line, field }: { line?: number; field?: string }) {
    return usageError('PIPELINE_INVALID', message, {
      where: { file, ...(line === undefined ? {} : { line }), ...(field === undefined ? {} : { field }) },
      actions: [action],
    })
  }
}

function unreadable(dir: string, file: string, cause: NodeJS.ErrnoException) {
  if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')
    return usageError('PIPELINE_MISSING', `There is no pipeline.yaml in ${dir}.`, {
      where: { file },
      actions: [
        'Write one; an empty file takes scenarios/ and held-out/ with every default.',
        'Or begin with a template: qt init DIR --template dungeon-master.',
      ],
      cause,
    })
  return usageError('CONFIG_UNREADABLE', `${file} cannot be read: ${cause.message}.`, {
    where: { file },
    actions: ['Check its permissions, and that it is a file.'],
    cause,
  })
}

/** A path that is there, or that can be nothing else, is one of the folder; anything else may be a hub id. */
const fromFolder = (folder: string, path: string): string =>
  existsSync(resolve(folder, path)) || /^\.{0,2}\/|^[^:]*\.gguf$/.test(path) ? resolve(folder, path) : path
