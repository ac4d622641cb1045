import { usageError } from '@qt/core'
import { type CompareOptions, type Comparison, compareRuns } from '../compare/compare.js'
import type { AnyModel } from '../likelihood/model.js'
import { saveReport } from '../report/save.js'
import type { Suite } from '../suite/suite.js'
import type { RunReport } from './report.js'
import { type RunSuitesOptions, runSuites } from './run-suites.js'

export interface Evaluation {
  readonly runs: readonly RunReport[]
  /** Whether the model of the first name is better than that of the second. */
  better(name: string, than: string, options?: CompareOptions): Comparison
  /** By the ending of the name: .html (all runs side by side), .md, .xml (JUnit), .json (the last run). Two runs are compared. */
  save(file: string): Promise<void>
  toJSON(): { readonly runs: readonly RunReport[] }
}

export interface EvaluateOptions extends Omit<RunSuitesOptions, 'name' | 'modelId'> {
  /** What the models are called in reports; default: their own names. */
  readonly names?: readonly string[]
  /** What tells each from others, above all from what it was before it was trained on: a hash of its files. A cache needs them. */
  readonly modelIds?: readonly string[]
}

/**
 * Measures one or several models with the same suites.
 *
 * @example
 * ```ts
 * import { load } from '@qt/trainer-native'
 *
 * const models = [await load('model.gguf'), await load('model.gguf', { adapters: ['runs/my-run/adapter'] })]
 * const evaluation = await evaluate(models, [await loadTask('arc', { data: 'arc.jsonl' })], { names: ['base', 'tuned'] })
 * evaluation.better('tuned', 'base').verdict // 'better', 'worse' or 'cannot tell'
 * await evaluation.save('report.html')
 * ```
 */
export async function evaluate(
  models: AnyModel | readonly AnyModel[],
  suites: readonly Suite[],
  { names: given = [], modelIds: ids = [], ...options }: EvaluateOptions = {},
): Promise<Evaluation> {
  const list = 'generate' in models ? [models] : models
  const names = list.map(({ name }, i) => given[i] ?? name)
  const repeated = names.find((name, i) => names.indexOf(name) < i)
  if (repeated !== undefined)
    throw usageError('EVAL_ITEMS_REPEATED', `Two models are called ${repeated}.`, {
      actions: ['Say in "names" what each of them shall be called.'],
    })
  const runs: RunReport[] = []
  for (const [i, model] of list.entries()) {
    const id = ids[i] === undefined ? {} : { modelId: ids[i] }
    runs.push(await runSuites(model, suites, { ...options, ...id, name: names[i]! }))
  }
  const run = (name: string): RunReport => {
    const found = runs.find(({ model }) => model === name)
    if (found) return found
    throw usageError('EVAL_NOTHING_IN_COMMON', `No model called "${name}" was measured.`, {
      actions: [`Name one of ${runs.map(({ model }) => model).join(', ')}.`],
    })
  }
  let compared: Comparison | undefined
  const pair = () => {
    if (runs.length === 2) compared ??= compareRuns(runs[0]!, runs[1]!)
    return compared
  }
  return {
    runs,
    better: (name, than, more) => compareRuns(run(than), run(name), more),
    save: (file) => saveReport(file, runs, pair()),
    toJSON: () => ({ runs }),
  }
}
