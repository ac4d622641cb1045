import type { Comparison } from '../compare/compare.js'
import type { RunReport } from '../run/report.js'
import { chanceText, figureText, intervalText, leftOut, visible } from './format.js'

/** What a model wrote is text, not Markdown with elements in it; names with `_` and calls in brackets stay as they are. */
const cell = (text: string): string =>
  visible(text)
    .replace(/[\\|<*`]|(?<=\])\(|(?<![a-z0-9])_|_(?![a-z0-9])/gi, '\\$&')
    .replace(/\s+/g, ' ')
    .trim()
const table = (rows: readonly (readonly string[])[]): string =>
  rows.map((row, i) => `| ${row.map(cell).join(' | ')} |\n${i === 0 ? `|${row.map(() => '---').join('|')}|\n` : ''}`).join('')

/** Longest piece of an answer that a table shows. */
const most = 160
const short = (text: string | undefined): string =>
  text === undefined ? '' : text.length > most ? `${text.slice(0, most)} …` : text

/**
 * A run, or several beside each other, as Markdown: a table of metrics with intervals, and the first failures.
 *
 * @example
 * ```ts
 * await writeFile('report.md', markdownReport([base, tuned], compareRuns(base, tuned)))
 * ```
 */
export function markdownReport(runs: readonly RunReport[], comparison?: Comparison, failures = 5): string {
  const names = runs.flatMap(({ suites }) =>
    suites.flatMap((suite) => suite.metrics.map((metric) => ({ suite: suite.name, metric: metric.name }))),
  )
  const rows = [...new Map(names.map((one) => [`${one.suite} ${one.metric}`, one])).values()]
  const value = (run: RunReport, suite: string, name: string) => {
    const metric = run.suites.find((one) => one.name === suite)?.metrics.find((one) => one.name === name)
    return metric ? intervalText(metric) : ''
  }
  const parts = [
    '# Evaluation\n',
    table([
      ['suite', 'metric', ...runs.map(({ model }) => model)],
      ...rows.map(({ suite, metric }) => [suite, metric, ...runs.map((run) => value(run, suite, metric))]),
    ]),
    ...runs.flatMap(({ model, stopped }) => (stopped ? [`\n${model} was stopped at ${stopped}.\n`] : [])),
    comparison ? markdownComparison(comparison) : '',
    ...runs.map((run) => failureList(run, failures)),
  ]
  return parts.filter((part) => part !== '').join('\n')
}

/** The table of a comparison. */
export function markdownComparison(comparison: Comparison): string {
  const { a, b, metrics, verdict } = comparison
  const share = (one: Comparison['metrics'][number]) => one.mcnemar !== undefined
  const rows = metrics.map((one) => [
    one.suite,
    one.metric,
    figureText(one.a, share(one)),
    figureText(one.b, share(one)),
    intervalText({ value: one.difference, low: one.low, high: one.high, share: share(one) }),
    chanceText(one.adjusted),
    one.verdict,
  ])
  const left = leftOut(comparison).map((text) => `\n${cell(text)}\n`)
  return `## ${b} beside ${a}: ${verdict}\n\n${table([['suite', 'metric', a, b, 'difference', 'p', 'verdict'], ...rows])}${left.join('')}`
}

function failureList({ model, suites }: RunReport, most: number): string {
  const wrong = suites.flatMap(({ name, items }) =>
    items.filter(({ right, error }) => right === false || error !== undefined).map((item) => ({ name, ...item })),
  )
  if (wrong.length === 0 || most === 0) return ''
  const rows = wrong
    .slice(0, most)
    .map(({ name, id, expected, output, explanation, error }) => [
      name,
      id,
      short(expected),
      short(output),
      error ?? explanation ?? '',
    ])
  return `## Failures of ${model}: ${wrong.length}\n\n${table([['suite', 'item', 'expected', 'answer', 'why'], ...rows])}`
}
