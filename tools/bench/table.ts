import type { Metric } from './case.js'
import type { CaseResult, ContenderResult } from './harness.js'

/** The peer with the best median of a metric. */
export function bestPeer(results: readonly ContenderResult[], metric: Metric): number | undefined {
  const values = results.filter(({ side }) => side === 'peer').flatMap(({ medians }) => medians[metric.key] ?? [])
  if (values.length === 0) return undefined
  return metric.better === 'higher' ? Math.max(...values) : Math.min(...values)
}

/** A Markdown table; each figure of ours has beside it its ratio to the best peer's. */
export function table(result: CaseResult, metrics: readonly Metric[]): string {
  const header = ['contender', ...metrics.map(({ title }) => title), 'spread']
  const rows = result.results.map((row) => {
    if (row.absent !== undefined) return [row.name, `not run: ${row.absent}`]
    if (row.failed !== undefined) return [row.name, `FAILED: ${row.failed.split('\n')[0]}`]
    const cells = metrics.map((metric) => {
      const value = row.medians[metric.key]
      if (value === undefined) return '–'
      const best = row.side === 'ours' ? bestPeer(result.results, metric) : undefined
      return best === undefined ? value.toFixed(metric.digits) : `${value.toFixed(metric.digits)} (${(value / best).toFixed(2)}×)`
    })
    return [row.name, ...cells, row.spread === undefined ? '–' : `±${(100 * row.spread).toFixed(1)} %`]
  })
  const widths = header.map((title, column) =>
    Math.max(
      title.length,
      ...rows.filter((row) => column === 0 || row.length === header.length).map((row) => row[column]!.length),
    ),
  )
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const runs = result.rounds === 1 ? 'one run each: a quick look, not a result' : `medians of ${result.rounds} interleaved runs`
  return [
    `## ${result.name}: ${result.title}`,
    '',
    `${result.conditions} ${runs[0]!.toUpperCase()}${runs.slice(1)}; in brackets the ratio to the best peer.`,
    '',
    line(header),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
  ].join('\n')
}
