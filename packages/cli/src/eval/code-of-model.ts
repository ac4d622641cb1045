import { usageError } from '@qt/core'
import type { CodeProgress, CodeReport, CodeStyle, CodeTask } from '@qt/eval'
import type { Sandbox } from '@qt/sandbox'
import type { Flags, Values } from '../args/verb.js'
import type { Io } from '../io.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { modelId } from './content-id.js'

/** How a model is asked for code. */
export const askFlags = {
  ...loadFlags,
  style: { type: 'text', value: 'NAME', description: 'instruct asks in a chat (default), base lets the model continue a text.' },
  'per-problem': { type: 'number', value: 'N', description: 'Answers to each problem (default 1).' },
  temperature: { type: 'number', value: 'T', description: 'Randomness; left out: 0 for one answer, 0.8 for several.' },
  seed: { type: 'number', description: 'The same seed gives the same answers (default 0).' },
  limit: { type: 'number', value: 'N', description: 'Only the first N problems of each suite.' },
  'max-tokens': { type: 'number', description: 'Longest answer, in tokens (default 1024).' },
  cache: { type: 'text', value: 'FILE', description: 'Keep every answer in this JSONL file.' },
} as const satisfies Flags

type AskValues = Values<typeof askFlags>

interface Asked {
  readonly tasks: readonly CodeTask[]
  readonly sandbox: Sandbox
  readonly wallSeconds: number | undefined
  readonly io: Io
  readonly signal: AbortSignal
  readonly onProgress: (progress: CodeProgress) => void
}

/** Loads the model that flags name, asks it and judges what it wrote. */
export async function codeOfModel(
  flags: AskValues,
  positionals: readonly string[],
  { tasks, sandbox, wallSeconds, io, signal, onProgress }: Asked,
): Promise<CodeReport> {
  const { seed, temperature, cache, 'per-problem': samples, 'max-tokens': maxTokens } = flags
  const { evaluateCode } = await need('@qt/eval', () => import('@qt/eval'))
  const style = codeStyleOf(flags.style)
  const some = firstOfEach(tasks, flags.limit)
  const model = await loadModel(flags, positionals, { signal })
  try {
    return await evaluateCode(model, some, {
      executor: sandbox,
      style,
      signal,
      onProgress,
      ...(wallSeconds === undefined ? {} : { wallSeconds }),
      ...(samples === undefined ? {} : { samples }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(seed === undefined ? {} : { seed }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(cache === undefined ? {} : { cache, modelId: await modelId(flags, positionals, { io, signal }) }),
    })
  } finally {
    await model.close()
  }
}

/** How --style says that a model is asked. */
export function codeStyleOf(style = 'instruct'): CodeStyle {
  if (style === 'base' || style === 'instruct') return style
  throw usageError('USAGE_BAD_VALUE', `--style must be base or instruct, not "${style}".`, { actions: ['Leave --style out.'] })
}

function firstOfEach(tasks: readonly CodeTask[], limit: number | undefined): readonly CodeTask[] {
  if (limit === undefined) return tasks
  if (!Number.isInteger(limit) || limit < 1)
    throw usageError('USAGE_BAD_VALUE', `--limit must be a whole number from 1 on, not ${limit}.`, {
      actions: ['Leave --limit out.'],
    })
  const seen = new Map<string, number>()
  return tasks.filter(({ suite }) => {
    const before = seen.get(suite) ?? 0
    seen.set(suite, before + 1)
    return before < limit
  })
}
