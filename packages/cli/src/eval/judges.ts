import { usageError } from '@qt/core'
import type { AnyModel, Price, Rubric } from '@qt/eval'
import type { Flags, Values } from '../args/verb.js'
import { type EngineOptions, engineFlags, engineOptions } from '../engine-flags.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { modelId } from './content-id.js'

/** Models that judge answers. */
export const judgeFlags = {
  judge: {
    type: 'text',
    value: 'MODEL',
    many: true,
    description: 'A model that judges: NAME@http://HOST:PORT/v1 behind a server, ollama:NAME, or a file.',
  },
  'judge-device': {
    ...engineFlags.device,
    description: 'Where judges that are files compute: cpu, cuda, cuda:1 (default cpu).',
  },
  rubric: {
    type: 'text',
    value: 'FILE',
    description:
      'What judges are asked, as YAML (docs/evaluation/judges.md): quality (default), relevancy, faithfulness, or your own.',
  },
  'judge-cache': { type: 'text', value: 'FILE', description: 'Keep what judges say in this JSONL file.' },
  'judge-key-env': {
    type: 'text',
    value: 'NAME',
    description: "The environment variable that holds the key of the judges' server.",
  },
  'judge-price-input': { type: 'number', value: 'C', description: 'What a million tokens of prompts cost with the judges.' },
  'judge-price-output': { type: 'number', value: 'C', description: 'What a million tokens that judges generate cost.' },
} as const satisfies Flags

export interface Judges {
  readonly models: readonly AnyModel[]
  readonly rubric: Rubric
  /** Left out: what the measured model costs. */
  readonly price: Price | undefined
  close(): Promise<void>
}

export const judgesHavePrice = (flags: Values<typeof judgeFlags>): boolean =>
  flags['judge-price-input'] !== undefined || flags['judge-price-output'] !== undefined

interface Opening {
  readonly io: Io
  readonly signal: AbortSignal
}

/** Loads the judges, or joins their servers. */
export type OpenJudges = (opening: Opening) => Promise<Judges>

/** What flags say of judges, checked and read before any model is loaded; undefined where they name none. */
export async function readJudges(flags: Values<typeof judgeFlags>): Promise<OpenJudges | undefined> {
  const { judge: names = [], 'judge-cache': cache, 'judge-price-input': input, 'judge-price-output': output } = flags
  const engine = engineOptions({ device: flags['judge-device'] }, 'judge-device')
  if (names.length === 0) {
    const given = Object.entries(flags).find(([name, value]) => name !== 'judge' && name in judgeFlags && value !== undefined)
    if (given === undefined) return undefined
    throw usageError('USAGE_MISSING_FLAG', `--${given[0]} is for models that judge, and none is named.`, {
      where: { field: `--${given[0]}` },
      actions: ['Add --judge NAME@http://HOST:PORT/v1, --judge ollama:NAME, or --judge FILE.', `Or leave --${given[0]} out.`],
    })
  }
  if (engine.device !== undefined) {
    if (names.every(isElsewhere))
      throw usageError('USAGE_BAD_VALUE', '--judge-device is for a judge that is loaded here, not for one behind a server.', {
        actions: ['Leave --judge-device out.'],
      })
    const { requireDevice } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
    requireDevice(engine.device, (other) => `Judge elsewhere: --judge-device ${other}.`)
  }
  const { loadRubric } = await need('@qt/eval', () => import('@qt/eval'))
  const rubric = await loadRubric(flags.rubric ?? 'quality')
  const apiKey = keyOf(flags['judge-key-env'])
  const price = judgesHavePrice(flags) ? { input: input ?? 0, output: output ?? 0 } : undefined
  return async (opening) => ({ ...(await openAll(names, { cache, apiKey, engine, ...opening })), rubric, price })
}

interface Opened {
  readonly apiKey: string | undefined
  readonly engine: EngineOptions
  readonly cache: string | undefined
}

async function openAll(
  names: readonly string[],
  { cache, apiKey, engine, io, signal }: Opened & Opening,
): Promise<Pick<Judges, 'models' | 'close'>> {
  const { cachedModel } = await need('@qt/eval', () => import('@qt/eval'))
  const opened: AnyModel[] = []
  const close = async () => {
    for (const model of opened) await model.close()
  }
  const models: AnyModel[] = []
  try {
    for (const name of names) {
      const { model, id } = await openJudge(name, { cache, apiKey, engine, io, signal })
      opened.push(model)
      models.push(cache === undefined ? model : await cachedModel(model, { file: cache, modelId: id }))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { models, close }
}

const behindServer = /^(.+?)@(https?:\/\/.+)$/
const ofOllama = 'ollama:'
const isElsewhere = (name: string): boolean => behindServer.test(name) || name.startsWith(ofOllama)

async function openJudge(
  name: string,
  { cache, apiKey, engine, io, signal }: Opened & Opening,
): Promise<{ model: AnyModel; id: string }> {
  const { ollamaModel, openAiModel } = await need('@qt/eval', () => import('@qt/eval'))
  const [, served, baseUrl] = behindServer.exec(name) ?? []
  if (served !== undefined && baseUrl !== undefined)
    return {
      model: openAiModel({ baseUrl, model: served, ...(apiKey === undefined ? {} : { apiKey }) }),
      id: `${baseUrl} ${served}`,
    }
  if (name.startsWith(ofOllama)) return { model: ollamaModel({ model: name.slice(ofOllama.length) }), id: name }
  const { load } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const model = await load(name, { ...engine, signal })
  // A cache needs to tell this model from others; hashing a file takes a while.
  return { model, id: cache !== undefined ? await modelId({ model: name, device: engine.device }, [], { io, signal }) : name }
}

function keyOf(variable: string | undefined): string | undefined {
  const key = variable === undefined ? undefined : process.env[variable]
  if (variable !== undefined && key === undefined)
    throw usageError('USAGE_BAD_VALUE', `There is no environment variable ${variable}.`, {
      actions: ['Set it, or leave --judge-key-env out.'],
    })
  return key
}
