import { readFile } from 'node:fs/promises'
import { type Embedder, nearest, usageError } from '@qt/core'
import type { AnyModel, QualityProfile, Suite } from '@qt/eval'
import { need } from '../need.js'
import { type CodeAsking, codeNames, suiteOfProblems } from './code-suites.js'
import { heldOut } from './held-out.js'
import type { Judges } from './judges.js'

export interface SuiteSources {
  readonly names: readonly string[]
  /** `FILE` or `NAME`, each with `=DATA` behind it where the task names no data. */
  readonly tasks: readonly string[]
  /** Held-out conversations. */
  readonly data: readonly string[]
  readonly tools: string | undefined
  readonly text: string | undefined
  readonly limit: number | undefined
  readonly shots: number | undefined
  readonly maxTokens: number | undefined
  /** A profile of quality; left out: the dungeon master's. */
  readonly profile: string | undefined
  /** The characters of conversations that bring no sheet of their own. */
  readonly sheet: string | undefined
  /** Says whether an answer stays on topic; left out: shared words do. */
  readonly embedder: Embedder | undefined
  /** Set when there is a suite of code. */
  readonly code: CodeAsking | undefined
  /** Models that judge are opened when everything else has been read. */
  readonly judged: boolean
}

/** What is known when the model, and those that judge, are loaded. */
export interface Loaded {
  readonly model: AnyModel
  readonly judges: Judges | undefined
}

/** A suite that was read, and waits for the model: mistakes in what was named show before gigabytes are loaded. */
type Ready = (loaded: Loaded) => Suite | Promise<Suite>
type Maker = (sources: SuiteSources) => Promise<Ready>

const eval_ = () => need('@qt/eval', () => import('@qt/eval'))
const tokens = ({ maxTokens }: SuiteSources) => (maxTokens === undefined ? {} : { maxTokens })

async function conversations(sources: SuiteSources, suite: string, profile?: QualityProfile) {
  const { data: paths, tools } = sources
  if (paths.length === 0)
    throw usageError('USAGE_MISSING_FLAG', `The suite ${suite} needs held-out conversations.`, {
      actions: ['Add --data PATH: scenarios, or chats as JSONL.'],
    })
  return heldOut({ paths, tools, ...(profile ? { profile } : {}) })
}

/** The suites that --suite names. */
const makers: Readonly<Record<string, Maker>> = {
  tools: async (sources) => {
    const { toolCallItems, toolSuite } = await eval_()
    const { conversations: held, tools } = await conversations(sources, 'tools')
    return ({ model }) => toolSuite(toolCallItems(held(model.tokenizer), tools), { tools, ...tokens(sources) })
  },
  'tool-episodes': async (sources) => {
    const { toolRegressions } = await eval_()
    const { defaultTools, toolsOf } = await need('@qt/data', () => import('@qt/data'))
    const suite = toolRegressions({ tools: (await toolsOf(sources.tools)) ?? defaultTools, ...tokens(sources) })
    return () => suite
  },
  'function-calls': async (sources) => {
    const { structuredCases, structuredToolSuite } = await eval_()
    const { conversations: held } = await conversations(sources, 'function-calls')
    return ({ model }) => structuredToolSuite(structuredCases(held(model.tokenizer)), tokens(sources))
  },
  quality: async (sources) => {
    const { conversationItems, loadProfile, loadSheet, qualitySuite } = await eval_()
    const profile = await loadProfile(sources.profile ?? 'dungeon-master')
    const { conversations: held } = await conversations(sources, 'quality', profile)
    const sheet = sources.sheet === undefined ? {} : { sheet: await loadSheet(sources.sheet) }
    const embedder = sources.embedder ? { embedder: sources.embedder } : {}
    return ({ model }) =>
      qualitySuite(conversationItems(held(model.tokenizer)), { profile, ...sheet, ...embedder, ...tokens(sources) })
  },
  judge: async (sources) => {
    if (!sources.judged)
      throw usageError('USAGE_MISSING_FLAG', 'The suite judge needs somebody who judges.', {
        actions: ['Add --judge NAME@http://HOST:PORT/v1, --judge ollama:NAME, or --judge FILE.'],
      })
    const { conversationItems, judgeSuite } = await eval_()
    const { conversations: held } = await conversations(sources, 'judge')
    return ({ model, judges }) => {
      const { models, rubric, price } = judges!
      const asked = { rubric, judges: models, ...(price ? { price } : {}), ...tokens(sources) }
      return judgeSuite(conversationItems(held(model.tokenizer)), asked)
    }
  },
  perplexity: async ({ text }) => {
    if (text === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'The suite perplexity needs a text.', { actions: ['Add --text FILE.'] })
    const { defineTask } = await eval_()
    const suite = defineTask({ name: 'perplexity', kind: 'rolling', prompt: '{{text}}' }, [
      { text: await readFile(text, 'utf8') },
    ])
    return () => suite
  },
}

export const suiteNames = [...Object.keys(makers), ...codeNames]

/** Refuses names that no suite has. */
export function checkSuiteNames(names: readonly string[]): void {
  const wrong = names.find((name) => !suiteNames.includes(name))
  if (wrong === undefined) return
  const near = nearest(wrong, suiteNames)
  throw usageError('USAGE_BAD_VALUE', `There is no suite "${wrong}".`, {
    actions: [...(near ? [`Did you mean ${near}?`] : []), `The suites are ${suiteNames.join(', ')}; tasks go with --task.`],
  })
}

/** What --suite and --task ask for, at most `limit` items of each: read now, ready when the model is loaded. */
export async function suitesOf(sources: SuiteSources): Promise<(loaded: Loaded) => Promise<Suite[]>> {
  const { names, tasks, limit, shots } = sources
  const suites: Ready[] = []
  for (const name of names) {
    if (codeNames.includes(name) && sources.code) {
      const suite = await suiteOfProblems(name, sources.code, sources.maxTokens)
      suites.push(() => suite)
      continue
    }
    suites.push(await makers[name]!(sources))
  }
  const { loadTask } = await eval_()
  for (const task of tasks) {
    const equals = task.indexOf('=')
    const [file, data] = equals < 0 ? [task, undefined] : [task.slice(0, equals), task.slice(equals + 1)]
    const suite = await loadTask(file, {
      ...(data === undefined ? {} : { data }),
      ...(shots === undefined ? {} : { shotCount: shots }),
    })
    suites.push(() => suite)
  }
  return async (loaded) => {
    const ready: Suite[] = []
    for (const suite of suites) ready.push(await suite(loaded))
    return limit === undefined ? ready : ready.map((suite) => ({ ...suite, items: suite.items.slice(0, limit) }))
  }
}
