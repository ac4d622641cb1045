import type { Comparison } from '../compare/compare.js'
import type { ItemReport, RunReport } from '../run/report.js'
import { bars } from './chart.js'
import { confusionOf } from './confusion.js'
import { chanceText, escaped, figureText, intervalText, leftOut } from './format.js'
import { script, style } from './page.js'

/**
 * One page that needs nothing else: charts with intervals, the comparison, and every item with the answers of all runs side by side, to be
 * filtered and searched.
 *
 * @example
 * ```ts
 * await writeFile('report.html', htmlReport([base, tuned], compareRuns(base, tuned)))
 * ```
 */
export function htmlReport(runs: readonly RunReport[], comparison?: Comparison): string {
  const names = [...new Set(runs.flatMap(({ suites }) => suites.map(({ name }) => name)))]
  const title = `Evaluation of ${runs.map(({ model }) => model).join(' and ')}`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
<h1>${escaped(title)}</h1>
${runs.map(about).join('')}
${comparison ? compared(comparison) : ''}
${names.map((name) => section(name, runs)).join('')}
<script>${script}</script>
</html>
`
}

const about = ({ model, modelId, seed, tokens, judgeTokens, seconds, peakMemory, cost, stopped }: RunReport): string => {
  const facts = [
    `${tokens} tokens in ${seconds.toFixed(1)} s`,
    `peak memory ${(peakMemory / 2 ** 20).toFixed(0)} MiB`,
    `seed ${seed}`,
    ...(judgeTokens === undefined ? [] : [`${judgeTokens} tokens of judges`]),
    ...(cost === undefined ? [] : [`cost ${cost.toFixed(4)}`]),
  ]
  const end = stopped === undefined ? '' : ` <strong>Stopped at ${escaped(stopped)}.</strong>`
  return `<p><b>${escaped(model)}</b> <small>${escaped(modelId)}</small><br>${facts.join(' · ')}${end}</p>\n`
}

function compared(comparison: Comparison): string {
  const { a, b, metrics, verdict, speed, memory } = comparison
  const rows = metrics.map((one) => {
    const share = one.mcnemar !== undefined
    const cells = [
      one.suite,
      one.metric,
      figureText(one.a, share),
      figureText(one.b, share),
      intervalText({ value: one.difference, low: one.low, high: one.high, share }),
      one.effect ? `${figureText(one.effect.value)} (${one.effect.name})` : '',
      chanceText(one.adjusted),
    ]
    const mark = one.verdict.replace(' ', '-')
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}<td class="${mark}">${one.verdict}</td></tr>\n`
  })
  const rest = leftOut(comparison).map((text) => `<p>${escaped(text)}</p>`)
  return `<h2>${escaped(b)} beside ${escaped(a)}: <span class="${verdict.replace(' ', '-')}">${verdict}</span></h2>
<p>Speed × ${figureText(speed)}, memory × ${figureText(memory)}.</p>
<table><tr><th>suite<th>metric<th>${escaped(a)}<th>${escaped(b)}<th>difference (95 %)<th>effect<th>p<th>verdict</tr>
${rows.join('')}</table>${rest.join('')}
`
}

function section(name: string, runs: readonly RunReport[]): string {
  const own = runs.map((run) => run.suites.find((suite) => suite.name === name))
  const metrics = own.find((suite) => suite !== undefined)?.metrics ?? []
  // Of what no item says anything there is nothing to draw.
  const said = metrics.filter(({ name: metric }) =>
    own.some((suite) => suite?.metrics.some((one) => one.name === metric && !Number.isNaN(one.value))),
  )
  const charts = said.map(({ name: metric, share, higherIsBetter }) =>
    bars({
      title: `${metric}${higherIsBetter ? '' : ' (lower is better)'}`,
      share: share === true,
      rows: runs.flatMap(({ model }, i) => {
        const found = own[i]?.metrics.find((one) => one.name === metric)
        return found ? [{ label: model, ...found }] : []
      }),
    }),
  )
  const ids = [...new Set(own.flatMap((suite) => suite?.items.map(({ id }) => id) ?? []))]
  const byId = own.map((suite) => new Map(suite?.items.map((item) => [item.id, item])))
  const missing = own.flatMap((suite, i) =>
    suite && suite.items.length < suite.total
      ? [`<p>${escaped(runs[i]!.model)}: ${suite.items.length} of ${suite.total} items.</p>`]
      : [],
  )
  const items = ids.map((id) =>
    itemOf(
      id,
      byId.map((items) => items.get(id)),
      runs.map(({ model }) => model),
    ),
  )
  return `<section><h2>${escaped(name)}</h2>
${charts.join('')}${missing.join('')}${own.map((suite, i) => (suite ? confusionTable(runs[i]!.model, suite.items) : '')).join('')}
<p class="filter"><label>Show <select><option value="">all<option value="wrong">wrong ones<option value="differs">where runs differ</select></label>
<input type="search" placeholder="Search"> <span></span></p>
${items.join('')}</section>
`
}

function confusionTable(model: string, items: readonly ItemReport[]): string {
  const rows = confusionOf(items)
  if (rows.length === 0) return ''
  const lines = rows.map(({ expected, actual, count }) => {
    const mark = expected === actual ? 'better' : 'worse'
    return `<tr><td>${escaped(expected)}<td>${escaped(actual)}<td class="${mark}">${count}</tr>\n`
  })
  return `<details><summary>Expected and called, ${escaped(model)}</summary><table><tr><th>expected<th>called<th>times</tr>\n${lines.join('')}</table></details>\n`
}

function itemOf(id: string, items: readonly (ItemReport | undefined)[], models: readonly string[]): string {
  const first = items.find((item) => item !== undefined)
  const rights = items.flatMap((item) => (item?.right === undefined ? [] : [item.right]))
  const marks = items.map((item) => (item?.error !== undefined ? '!' : item?.right === undefined ? '·' : item.right ? '✓' : '✗'))
  const flags = [rights.includes(false) ? 'wrong' : '', new Set(rights).size > 1 ? 'differs' : ''].filter(Boolean).join(' ')
  const block = (title: string, text: string | undefined) =>
    text === undefined || text === '' ? '' : `<h4>${title}</h4><pre>${escaped(text)}</pre>`
  const answers = items.map((item, i) =>
    item
      ? `<div><h3>${marks[i]} ${escaped(models[i]!)}</h3>${block('Answer', item.output)}${block('Why', item.error ?? item.explanation)}</div>`
      : '',
  )
  return `<details class="item" data-is="${flags}"><summary>${marks.map((mark) => `<i class="m${mark === '✓' ? 'y' : mark === '✗' ? 'n' : 'o'}">${mark}</i>`).join('')} ${escaped(id)}</summary>
${block('Asked', first?.prompt)}${block('Expected', first?.expected)}<div class="side">${answers.join('')}</div></details>
`
}
