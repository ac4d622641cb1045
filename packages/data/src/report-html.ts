import type { DatasetFinding } from './checks/dataset-finding.js'

/** What a report shows: counts, and findings in the order of the files. */
export interface DataReport {
  readonly files: readonly string[]
  readonly examples: number
  readonly errors: number
  readonly warnings: number
  readonly sound: number
  readonly layouts: Readonly<Record<string, number | undefined>>
  readonly codes: Readonly<Record<string, number>>
  readonly findings: readonly DatasetFinding[]
}

/** Text as HTML shows it. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`).replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')

export const htmlStyle = `body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;width:100%;margin:1rem 0}td,th{padding:.35rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}
td.n{text-align:right;font-variant-numeric:tabular-nums}code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}.error{color:#a40000}.warning{color:#7a5200}
.numbers{display:flex;gap:2rem;flex-wrap:wrap}.numbers b{display:block;font-size:1.6rem}
@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#161616}td,th{border-color:#3a3a3a}.error{color:#ff8a80}.warning{color:#ffcf66}}`

/** A whole page that needs nothing else. */
export const htmlPage = (title: string, body: string, style = ''): string =>
  `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${htmlStyle}${style}</style></head><body>\n<h1>${escapeHtml(title)}</h1>\n${body}\n</body></html>\n`

/**
 * A report of a dataset as one HTML file.
 *
 * @example
 * ```ts
 * const html = reportHtml(await validateDataset('data/**'))
 * ```
 */
export function reportHtml({ files, examples, errors, warnings, sound, layouts, codes, findings }: DataReport): string {
  const numbers = Object.entries({ examples, 'without errors': sound, errors, warnings, files: files.length })
    .map(([name, value]) => `<div><b>${value.toLocaleString('en-US')}</b>${name}</div>`)
    .join('')
  const counts = (title: string, rows: Readonly<Record<string, number | undefined>>): string =>
    `<h2>${title}</h2><table>${Object.entries(rows)
      .sort(([, a = 0], [, b = 0]) => b - a)
      .map(([name, value = 0]) => `<tr><td>${escapeHtml(name)}</td><td class="n">${value.toLocaleString('en-US')}</td></tr>`)
      .join('')}</table>`
  const rows = findings.map(({ severity, file, line, row, field, code, message, fix }) => {
    const place = [file, line === undefined ? row : line].filter((one) => one !== undefined).join(':')
    return `<tr><td><code>${escapeHtml(place)}</code><br><code>${escapeHtml(field ?? '')}</code></td><td class="${severity}">${severity}<br><small>${escapeHtml(code)}</small></td><td>${escapeHtml(message)}</td><td>${escapeHtml(fix.label)}</td></tr>`
  })
  const all = Object.values(codes).reduce((sum, count) => sum + count, 0)
  const left =
    all > findings.length
      ? `<p>${(all - findings.length).toLocaleString('en-US')} more are counted above and not listed.</p>`
      : ''
  const list =
    rows.length === 0
      ? '<p>Nothing is wrong with this data.</p>'
      : `<h2>Findings</h2><table><tr><th>Where</th><th>Kind</th><th>What</th><th>What to do</th></tr>\n${rows.join('\n')}\n</table>${left}`
  const body = `<div class="numbers">${numbers}</div>${counts('Layouts', layouts)}${rows.length > 0 ? counts('Kinds of findings', codes) : ''}${list}`
  return htmlPage('Data report', body)
}
