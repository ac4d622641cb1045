import type { ScalingRow } from './scaling.js'

const time = (seconds: number): string => {
  if (seconds >= 5400) return `${(seconds / 3600).toFixed(1)} h`
  if (seconds >= 90) return `${Math.round(seconds / 60)} min`
  return seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1000).toFixed(1)} ms`
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** Rows as a table of Markdown. */
export const scalingTable = (rows: readonly ScalingRow[]): string =>
  [
    '| processes | exchange | not hidden | waiting | step | failures a day | save every | time that lasts | efficiency | tokens/s |',
    '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...rows.map((row) =>
      [
        '',
        row.processes.toLocaleString('en'),
        time(row.exchange),
        time(row.exposed),
        time(row.waiting),
        time(row.step),
        row.failuresPerDay.toFixed(2),
        time(row.interval),
        percent(row.useful),
        percent(row.efficiency),
        Math.round(row.tokensPerSecond).toLocaleString('en'),
        '',
      ]
        .join(' | ')
        .trim(),
    ),
  ].join('\n')
