import type { DoctorReport } from './doctor.js'
import type { Finding } from './finding.js'

const words = { fine: 'fine', advice: 'could be better', missing: 'missing' } as const
const order = { missing: 0, advice: 1, fine: 2 } as const

/** One sentence over all findings. */
export function verdictOf({ ok, findings }: Pick<DoctorReport, 'ok' | 'findings'>): string {
  const count = (status: Finding['status']) => findings.filter((one) => one.status === status).length
  const advice = count('advice') === 0 ? '' : ` ${count('advice')} could be better.`
  return ok
    ? `Everything that is needed is there.${advice}`
    : `${count('missing')} needed ${count('missing') === 1 ? 'thing is' : 'things are'} missing.${advice}`
}

const sorted = ({ findings }: DoctorReport): Finding[] => [...findings].sort((a, b) => order[a.status] - order[b.status])

const files = { json: (report: DoctorReport) => `${JSON.stringify(report, null, 2)}\n`, md: markdown, html } as const
export type ReportFormat = keyof typeof files

/** The report as a file: JSON for programs, Markdown for an issue, HTML for a browser. */
export const renderReport = (report: DoctorReport, format: ReportFormat): string => files[format](report)

function markdown(report: DoctorReport): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const todo = sorted(report).filter(({ status }) => status !== 'fine')
  return [
    '# qt doctor',
    '',
    `${verdictOf(report)} (${report.time})`,
    '',
    '| what | state | found |',
    '|---|---|---|',
    ...sorted(report).map(({ check, status, found }) => `| ${check} | ${words[status]} | ${cell(found)} |`),
    ...todo.flatMap(({ check, why, actions }) => [
      '',
      `## ${check}`,
      '',
      ...(why === undefined ? [] : [why, '']),
      ...actions.map(({ label, command }) => `- ${label}${command === undefined ? '' : ` \`${command}\``}`),
    ]),
    '',
  ].join('\n')
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem .75rem;border-bottom:1px solid #8884}
td:first-child{font-weight:600}td ul{margin:.25rem 0 0;padding-left:1.25rem}code{background:#8882;padding:.1rem .3rem;border-radius:.25rem}
.fine{color:#197a3e}.advice{color:#9a6700}.missing{color:#c62828}@media(prefers-color-scheme:dark){.fine{color:#5bd38a}.advice{color:#e3b341}.missing{color:#ff7b72}}`

function html(report: DoctorReport): string {
  const row = ({ check, status, found, why, actions }: Finding) => {
    const todo = actions.map(
      ({ label, command }) => `<li>${escaped(label)}${command === undefined ? '' : ` <code>${escaped(command)}</code>`}</li>`,
    )
    const more = `${why === undefined ? '' : `<br>${escaped(why)}`}${todo.length > 0 ? `<ul>${todo.join('')}</ul>` : ''}`
    return `<tr><td>${escaped(check)}</td><td class="${status}">${words[status]}</td><td>${escaped(found)}${more}</td></tr>`
  }
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>qt doctor</title><style>${style}</style></head>
<body><h1>qt doctor</h1>
<p>${escaped(verdictOf(report))} <time datetime="${report.time}">${report.time}</time></p>
<table><thead><tr><th>what</th><th>state</th><th>found</th></tr></thead><tbody>
${sorted(report).map(row).join('\n')}
</tbody></table></body></html>
`
}
