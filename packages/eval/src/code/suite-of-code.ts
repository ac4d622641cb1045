import type { Executor, LanguageModel } from '@qt/core'
import { type Metric, one } from '../metric/metric.js'
import type { MeasureOptions, Suite } from '../suite/suite.js'
import { askForCode, type SamplingOptions, samplingOf } from './ask-for-code.js'
import { passAtK } from './pass-at-k.js'
import type { CodeStyle, CodeTask, CodeVerdict } from './task.js'

export interface SuiteOfCodeOptions extends SamplingOptions {
  /** Where the programs run: a sandbox of @qt/sandbox. */
  readonly executor: Executor
  /** Default: instruct. */
  readonly style?: CodeStyle
  /** Longest answer; default 1024. */
  readonly maxTokens?: number
  /** Longest run of one program; default 10. */
  readonly wallSeconds?: number
  /** Answers have a score between 0 and 1, not only passed or failed: the share of mutants found, half a refactoring. */
  readonly graded?: boolean
}

/** A sample, what became of it, and how many tokens it took. */
interface Judged extends CodeVerdict {
  readonly answer: string
  readonly cut: boolean
  readonly tokens: number
}

/**
 * Problems of code as a suite, to be measured beside others and compared: `pass@k`, an item being a problem.
 *
 * @example
 * ```ts
 * import { openSandbox } from '@qt/sandbox'
 *
 * const sandbox = await openSandbox()
 * const suite = suiteOfCode('humaneval', await humanEval('HumanEval.jsonl.gz'), { executor: sandbox })
 * const { suites } = await runSuites(model, [suite])
 * suites[0]?.metrics // [{ name: 'pass@1', value: 0.31, low: 0.24, high: 0.38, … }]
 * await sandbox.close()
 * ```
 */
export function suiteOfCode(name: string, tasks: readonly CodeTask[], options: SuiteOfCodeOptions): Suite {
  const { samples, temperature, ks } = samplingOf(options)
  const { graded = false } = options
  const metrics: Metric[] = ks.map((k) => ({
    name: `pass@${k}`,
    aggregate: 'mean',
    higherIsBetter: true,
    // Of several samples an item's estimate may lie between 0 and 1.
    ...(samples === 1 ? { share: true } : {}),
  }))
  if (graded) metrics.push({ name: 'score', aggregate: 'mean', higherIsBetter: true })
  return {
    name,
    metrics,
    items: tasks.map((task, index) => ({
      id: task.id,
      async measure(model, { seed, signal }) {
        const judged: Judged[] = []
        for (let sample = 0; sample < samples; sample++)
          judged.push(
            await solve(model, task, {
              options,
              settings: {
                temperature,
                seed: temperature === 0 ? 0 : seed + index * samples + sample,
                ...(signal ? { signal } : {}),
              },
            }),
          )
        const passed = judged.filter((one) => one.passed).length
        return {
          scores: {
            ...Object.fromEntries(ks.map((k) => [`pass@${k}`, one(passAtK(samples, passed, k))])),
            ...(graded ? { score: one(judged.reduce((sum, { score }) => sum + score, 0) / samples) } : {}),
          },
          right: passed > 0,
          prompt: promptText(task, options.style),
          output: texts(judged, ({ answer }) => answer),
          expected: task.reference,
          explanation: texts(judged, explained),
          tokens: judged.reduce((sum, { tokens }) => sum + tokens, 0),
        }
      },
    })),
  }
}

interface Solve {
  readonly options: SuiteOfCodeOptions
  readonly settings: MeasureOptions & { readonly temperature: number }
}

async function solve(model: LanguageModel, task: CodeTask, { options, settings }: Solve): Promise<Judged> {
  const { executor, style = 'instruct', maxTokens = 1024, wallSeconds } = options
  const written = await askForCode(model, task, style, { ...settings, maxTokens })
  if ('tooLong' in written) return { passed: false, score: 0, detail: written.tooLong, answer: '', cut: false, tokens: 0 }
  const { candidate, answer, cut, tokens } = written
  const verdict = await task.verify(candidate, {
    executor,
    wallSeconds,
    ...(settings.signal ? { signal: settings.signal } : {}),
  })
  return { ...verdict, answer, cut, tokens }
}

const explained = ({ passed, detail, cut }: Judged): string =>
  [passed ? 'It passed.' : detail, cut ? 'The answer was cut.' : ''].filter(Boolean).join(' ')

/** One sample as it is; of several each under its number. */
const texts = (judged: readonly Judged[], text: (one: Judged) => string): string =>
  judged.length === 1
    ? text(judged[0]!)
    : judged.map((one, i) => `[${i + 1}] ${one.passed ? 'passed' : 'failed'}\n${text(one)}`).join('\n\n')

function promptText(task: CodeTask, style: CodeStyle = 'instruct'): string {
  const { prompt } = task.ask(style)
  return typeof prompt === 'string' ? prompt : prompt.map(({ role, content }) => `${role}: ${content}`).join('\n')
}
