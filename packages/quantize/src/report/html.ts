import type { Divergence } from '@qt/core'
import type { QualityReport } from './quality.js'
import type { TensorError } from './tensor-errors.js'

const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[character]!)
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
const number = (value: number): string => (value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(4))

const style = `
:root { color-scheme: light dark; --line: #8884; --bar: #3b82f6; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td.n, th.n { text-align: right; }
.bar { display: inline-block; height: .7em; background: var(--bar); }
svg { width: 100%; height: auto; } svg path { fill: none; stroke: var(--bar); stroke-width: 2; } svg circle { fill: var(--bar); }
svg text { fill: currentColor; font-size: 11px; } svg line { stroke: var(--line); }
`

/**
 * A quality report as one page that needs nothing else.
 *
 * @example
 * ```ts
 * const report = JSON.parse(await readFile('report.json', 'utf8'))
 * await writeFile('report.html', qualityHtml(report))
 * ```
 */
export function qualityHtml(report: QualityReport): string {
  const { original, quantised, text, tensors, plan } = report
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(quantised.name)}: what was lost</title><style>${style}</style></head><body>
<h1>${escaped(quantised.name)}</h1>
<p>${escaped(quantised.type)}, ${megabytes(quantised.bytes)}: ${percent(quantised.bytes / original.bytes)} of ${escaped(original.name)} (${megabytes(original.bytes)}).</p>
${text ? textSection(text.datasets, text.quality) : ''}
${plan && plan.frontier.length > 1 ? frontierSection(plan.frontier, quantised.bytes, plan.cost) : ''}
${tensorSection(tensors)}
</body></html>
`
}

function textSection(datasets: readonly string[], q: Divergence): string {
  const rows: readonly (readonly [string, string, string])[] = [
    [
      'KL divergence, mean',
      `${number(q.mean)} nats`,
      'how much is lost, on average, when the smaller model is taken for the original',
    ],
    [
      'KL divergence, median and 99th percentile',
      `${number(q.median)}, ${number(q.percentile99)}`,
      'at an ordinary and at a bad position',
    ],
    ['KL divergence, largest', number(q.max), 'at the worst position'],
    ['same first choice', percent(q.topAgreement), 'positions at which both find the same token likeliest'],
    ['perplexity, original', number(q.perplexity.p), ''],
    [
      'perplexity, quantised',
      `${number(q.perplexity.q)} (${q.perplexity.q >= q.perplexity.p ? '+' : ''}${percent(q.perplexity.q / q.perplexity.p - 1)})`,
      'lower is better',
    ],
  ]
  const cells = rows.map(([name, value, what]) => `<tr><td>${name}</td><td class="n">${value}</td><td>${what}</td></tr>`)
  return `<h2>On text</h2><p>${q.positions} positions of ${escaped(datasets.join(', '))}.</p><table>${cells.join('\n')}</table>`
}

/** The least loss at every size, and where this file lies. */
function frontierSection(frontier: readonly { bytes: number; cost: number }[], bytes: number, cost: number): string {
  const [width, height, left, bottom] = [640, 240, 60, 30]
  const [least, most] = [frontier[0]!.bytes, frontier.at(-1)!.bytes]
  const top = Math.max(...frontier.map((point) => point.cost)) || 1
  const x = (size: number) => left + ((width - left - 10) * (size - least)) / Math.max(1, most - least)
  const y = (loss: number) => 10 + (height - bottom - 10) * (1 - loss / top)
  const path = frontier.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.bytes).toFixed(1)} ${y(point.cost).toFixed(1)}`)
  return `<h2>What other sizes would lose</h2>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="least loss by size">
<line x1="${left}" y1="${height - bottom}" x2="${width}" y2="${height - bottom}"/><line x1="${left}" y1="0" x2="${left}" y2="${height - bottom}"/>
<path d="${path.join(' ')}"/><circle cx="${x(bytes).toFixed(1)}" cy="${y(cost).toFixed(1)}" r="4"/>
<text x="${left}" y="${height - 10}">${megabytes(least)}</text><text x="${width}" y="${height - 10}" text-anchor="end">${megabytes(most)}</text>
<text x="${left - 5}" y="16" text-anchor="end">${number(top)}</text><text x="${left - 5}" y="${height - bottom}" text-anchor="end">0</text>
</svg><p>Loss is the sum over all tensors that the planner made small; the dot is this file.</p>`
}

function tensorSection(tensors: readonly TensorError[]): string {
  const changed = tensors.filter(({ error }) => error > 0).toSorted((a, b) => lossOf(b) - lossOf(a))
  const most = Math.max(...changed.map(lossOf), Number.MIN_VALUE)
  const weighted = changed.some((tensor) => tensor.weighted !== undefined)
  const rows = changed.map(
    (tensor) =>
      `<tr><td>${escaped(tensor.name)}</td><td>${tensor.from} → ${tensor.to}</td><td class="n">${megabytes(tensor.bytes)}</td><td class="n">${number(tensor.error)}</td>${weighted ? `<td class="n">${tensor.weighted === undefined ? '' : number(tensor.weighted)}</td>` : ''}<td><span class="bar" style="width:${((8 * lossOf(tensor)) / most).toFixed(2)}rem"></span></td></tr>`,
  )
  const same = tensors.length - changed.length
  return `<h2>By tensor</h2><p>Squared error as a part of the tensor's squared size${weighted ? ', and the same weighed by importance' : ''}, the worst first; ${same} tensors are as they were.</p>
<table><tr><th>tensor</th><th>type</th><th class="n">size</th><th class="n">error</th>${weighted ? '<th class="n">weighted</th>' : ''}<th></th></tr>
${rows.join('\n')}</table>`
}

const lossOf = ({ weighted, error }: TensorError): number => weighted ?? error
