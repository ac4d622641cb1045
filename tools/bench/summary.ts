import type { Metric } from './case.js'
import type { CaseResult } from './harness.js'
import { bestPeer } from './table.js'

interface Measured {
  readonly result: CaseResult
  readonly metrics: readonly [Metric, ...Metric[]]
  readonly bar?: number | undefined
}

/** One line a case: our figures, the best peer's first one, how many times better ours is, and how many times it has to be. */
export function summary(results: readonly Measured[]): string {
  const [first] = results
  if (first === undefined) return ''
  const [main, ...others] = first.metrics
  const barred = results.some(({ bar }) => bar !== undefined)
  const header = [
    ...['case', `${main.title}, ours`, 'best peer', 'times better'],
    ...(barred ? ['bar'] : []),
    ...others.map(({ title }) => title),
  ]
  const lines = results.map(({ result, bar }) => {
    const ours = result.results.find(({ side }) => side === 'ours')
    const [own, peer] = [ours?.medians[main.key], bestPeer(result.results, main)]
    const figure = (value: number | undefined, digits: number) => (value === undefined ? '–' : value.toFixed(digits))
    const ratio = own === undefined || peer === undefined ? undefined : main.better === 'lower' ? peer / own : own / peer
    const rest = others.map(({ key, digits }) => figure(ours?.medians[key], digits))
    const least = barred ? [bar === undefined ? '–' : `${bar}`] : []
    return [result.name, figure(own, main.digits), figure(peer, main.digits), figure(ratio, 2), ...least, ...rest]
  })
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
