import { escaped, intervalText } from './format.js'

export interface Bars {
  readonly title: string
  readonly share: boolean
  readonly rows: readonly { readonly label: string; readonly value: number; readonly low: number; readonly high: number }[]
}

const width = 420
const left = 160

/** Bars with intervals as SVG. Shares go from 0 to 1, others from 0, or from the lowest end where that is below. */
export function bars({ title, share, rows }: Bars): string {
  const ends = rows.flatMap(({ value, low, high }) => [value, low, high]).filter(Number.isFinite)
  const from = Math.min(0, ...ends)
  const to = share ? 1 : Math.max(...ends, from + 1e-9)
  const x = (value: number): number => left + (Math.max(0, Math.min(1, (value - from) / (to - from))) || 0) * width
  const lines = rows.map(({ label, value, low, high }, i) => {
    const y = 8 + i * 26
    const middle = y + 9
    const whisker = `M${x(low).toFixed(1)} ${middle}H${x(high).toFixed(1)}M${x(low).toFixed(1)} ${y + 4}v10M${x(high).toFixed(1)} ${y + 4}v10`
    return `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${escaped(label.length > 22 ? `…${label.slice(-21)}` : label)}</text>
<rect x="${x(0).toFixed(1)}" y="${y}" width="${Math.max(1, x(value) - x(0)).toFixed(1)}" height="18" class="bar b${i % 4}"/><path d="${whisker}" class="whisker"/>
<text x="${left + width + 10}" y="${y + 13}">${escaped(intervalText({ value, low, high, share }))}</text>`
  })
  const height = 12 + rows.length * 26
  return `<figure><figcaption>${escaped(title)}</figcaption><svg viewBox="0 0 ${left + width + 220} ${height}" role="img" aria-label="${escaped(title)}">
${lines.join('\n')}</svg></figure>
`
}
