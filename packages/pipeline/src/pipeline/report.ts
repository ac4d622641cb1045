import { basename, join } from 'node:path'
import { writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import { lossChart } from './chart.js'
import { type Evaluated, type MeasuredShare, percent } from './evaluate.js'
import type { Quantised } from './model-files.js'
import { stage, type Workshop } from './stage.js'
import type { Tuned } from './tune.js'
import type { Validated } from './validate.js'
import type { Verified } from './verify.js'

export interface Found {
  readonly validated: Validated
  readonly tuned: Tuned
  readonly quantised: readonly Quantised[]
  readonly verified: Verified
  readonly evaluated: Evaluated
  readonly next: readonly string[]
}

/** One HTML file without anything from elsewhere; the same results give the same bytes. */
export async function report(workshop: Workshop, found: Found): Promise<string> {
  const name = 'report.html'
  const { folder, output } = workshop.config
  // Not where the files lie: the report is the same on every machine.
  const quantised = found.quantised.map(({ type, path, bytes }) => ({ type, name: basename(path), bytes }))
  await stage(workshop, {
    name: 'report',
    inputs: { ...found, quantised, title: basename(folder) },
    result: z.object({}),
    async work() {
      await writeFileAtomic(join(output, name), page(basename(folder), found))
      return { result: {}, outputs: [name] }
    },
    summary: () => name,
  })
  return join(output, name)
}

const html = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
const interval = ({ share, low, high, count, of }: MeasuredShare): string =>
  share === null ? '–' : `<b>${percent(share)}</b> <small>${count}/${of}; ${percent(low)} to ${percent(high)}</small>`

function page(title: string, { validated, tuned, verified, evaluated, next }: Found): string {
  const { models, baseline, samples } = evaluated
  const row = (cells: readonly string[]) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  const table = models.map(({ label, needed, all, perplexity, bytes }) =>
    row([html(label), interval(needed), interval(all), perplexity.toFixed(2), `${(bytes / 1e6).toFixed(1)} MB`]),
  )
  const tools = models[0]?.tools.filter(({ expected }) => expected > 0) ?? []
  const byTool = tools.map(({ tool, expected }) =>
    row([html(tool), `${expected}`, ...models.map((model) => `${model.tools.find((one) => one.tool === tool)?.right ?? 0}`)]),
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${html(title)}: report</title>
<style>
:root{color-scheme:light dark;--line:#8884;--accent:#2563eb}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:.2rem}h2{margin-top:2.2rem}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top}small{opacity:.7}
svg{width:100%;height:auto}.grid line{stroke:var(--line)}.grid text{font-size:11px;fill:currentColor;opacity:.7}
path{fill:none}.raw{stroke:var(--accent);opacity:.3}.mean{stroke:var(--accent);stroke-width:2.5}
.answers{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.8rem}
.answers div,blockquote{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem;margin:.5rem 0;white-space:pre-wrap;overflow-wrap:anywhere}
.answers b{display:block;font-size:.85em;opacity:.8}
</style></head><body>
<h1>${html(title)}</h1>
<p>${validated.scenarios} scenarios, ${validated.conversations} conversations to train on with variations,${validated.practised ? ` ${validated.practised} generated tales,` : ''} ${validated.heldOut} scenarios held out;
${tuned.steps} steps on ${tuned.tokens} tokens.${validated.leftOut.length ? ` Left out as invalid: ${html(validated.leftOut.join(', '))}.` : ''}</p>
<h2>Before and after</h2>
${
  models.length === 0
    ? '<p>Nothing is held out, so nothing was measured.</p>'
    : `<table><tr><th>Model</th><th>Tool calls, turns that need one</th><th>All turns</th><th>Perplexity</th><th>Size</th></tr>
${table.join('\n')}
${baseline ? row([`Always ${html(baseline.call)}`, interval(baseline.needed), interval(baseline.all), '–', '–']) : ''}</table>
<p><small>Held-out scenarios only. A turn is right when every needed call is made, of a known tool, with the right arguments, and no other; ranges are
95 % Wilson intervals. Perplexity is over the game master's words.</small></p>
<h2>By tool</h2><table><tr><th>Tool</th><th>Needed</th>${models.map(({ label }) => `<th>${html(label)}</th>`).join('')}</tr>${byTool.join('\n')}</table>`
}
<h2>Training loss</h2>${lossChart(tuned.curve)}
${samples.length ? '<h2>Side by side</h2>' : ''}
${samples
  .map(
    ({ source, asked, reference, answers }) => `<section><small>${html(source)}</small><blockquote>${html(asked)}</blockquote>
<div class="answers"><div><b>written by a person</b>${html(reference)}</div>${answers
      .map(({ label, text, right }) => `<div><b>${html(label)} ${right ? '✓' : '✗'}</b>${html(text)}</div>`)
      .join('')}</div></section>`,
  )
  .join('\n')}
<h2>Checked files</h2><p>Asked: ${html(verified.asked)}</p><table><tr><th>File</th><th>Tensors</th><th>Our engine says</th><th>llama.cpp says</th></tr>
${verified.files.map(({ name, tensors, engine, llama }) => row([html(name), `${tensors}`, html(engine), html(llama ?? '–')])).join('\n')}</table>
${verified.note ? `<p><small>${html(verified.note)}.</small></p>` : ''}
<h2>What next</h2><ul>${next.map((line) => `<li>${html(line)}</li>`).join('')}</ul>
</body></html>
`
}
