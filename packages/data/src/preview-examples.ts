import { type ErrorLocation, ignoreLabel, QtError, type Tokenizer } from '@qt/core'
import { dataFiles } from './data-files.js'
import { formatOf, type RowFormat } from './detect-format.js'
import { encodeRecord } from './encode-record.js'
import { readRecords } from './read-records.js'
import { escapeHtml, htmlPage } from './report-html.js'
import type { ScenarioTool } from './scenario/tools.js'

/** A stretch of the text that a model reads; `trained`: loss falls on it. */
export interface PreviewSpan {
  readonly text: string
  readonly trained: boolean
}

export interface PreviewedExample {
  readonly where: ErrorLocation
  readonly format: RowFormat
  readonly spans: readonly PreviewSpan[]
  readonly tokens: number
  readonly trained: number
  /** Why it could not be rendered; then there are no spans. */
  readonly problem?: string
}

export interface PreviewOptions {
  readonly format?: RowFormat | 'auto' | undefined
  /** Examples to pass over first. Default 0. */
  readonly from?: number | undefined
  /** Default 5. */
  readonly limit?: number | undefined
  readonly tools?: readonly ScenarioTool[] | undefined
}

/**
 * The first examples as the model will read them, rendered by its chat template, with what is trained on.
 *
 * @example
 * ```ts
 * for await (const { spans } of previewExamples('chats.jsonl', tokenizer))
 *   console.log(spans.map(({ text, trained }) => (trained ? `⟦${text}⟧` : text)).join(''))
 * ```
 */
export async function* previewExamples(
  path: string | readonly string[],
  tokenizer: Tokenizer,
  { format: asked = 'auto', from = 0, limit = 5, tools }: PreviewOptions = {},
): AsyncGenerator<PreviewedExample> {
  const options = { tokenizer, sequenceLength: Number.MAX_SAFE_INTEGER, ...(tools ? { tools } : {}) }
  let number = 0
  for (const file of await dataFiles(path, asked))
    for await (const record of readRecords(file)) {
      if (number >= from + limit) return
      if (number++ < from) continue
      const { where } = record
      const format = formatOf(record, asked)
      try {
        const { ids, labels } = encodeRecord(record, format, options) ?? { ids: new Uint32Array(0), labels: [] }
        const spans = spansOf(ids, labels, tokenizer)
        let trained = 0
        for (let i = 1; i < ids.length; i++) if (labels[i] !== ignoreLabel) trained++
        yield { where, format, spans, tokens: ids.length, trained }
      } catch (error) {
        if (!QtError.isInstance(error)) throw error
        yield { where, format, spans: [], tokens: 0, trained: 0, problem: error.message }
      }
    }
}

/** A character belongs to the token that ends it, so that none is lost between two stretches. */
function spansOf(ids: ArrayLike<number>, labels: ArrayLike<number>, tokenizer: Tokenizer): PreviewSpan[] {
  const stream = tokenizer.stream({ special: true })
  const spans: { text: string; trained: boolean }[] = []
  const add = (text: string, trained: boolean): void => {
    const last = spans.at(-1)
    if (text === '') return
    if (last?.trained === trained) last.text += text
    else spans.push({ text, trained })
  }
  let trained = false
  for (let i = 0; i < ids.length; i++) {
    // Nothing predicts the first token.
    trained = i > 0 && labels[i] !== ignoreLabel
    add(stream.push(ids[i]!), trained)
  }
  add(stream.end(), trained)
  return spans
}

const style = `pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #ddd;border-radius:.4rem;padding:.8rem}
mark{background:#c9f0d0;color:inherit}h2{font-size:1rem}
@media(prefers-color-scheme:dark){mark{background:#1d4d2b}pre{border-color:#3a3a3a}}`

/** Previewed examples as one HTML file; what is trained on is marked. */
export function previewHtml(examples: readonly PreviewedExample[]): string {
  const sections = examples.map(({ where, format, spans, tokens, trained, problem }) => {
    const { file, line, row } = where
    const place = [file, line ?? row].filter((one) => one !== undefined).join(':')
    const text = spans.map((span) => (span.trained ? `<mark>${escapeHtml(span.text)}</mark>` : escapeHtml(span.text))).join('')
    const body = problem === undefined ? `<pre>${text}</pre>` : `<p class="error">${escapeHtml(problem)}</p>`
    return `<h2><code>${escapeHtml(place)}</code></h2><p>${format}: ${tokens} tokens, ${trained} trained on</p>${body}`
  })
  const intro = '<p>The text that the model reads. <mark>Marked</mark>: what it is trained to write.</p>'
  return htmlPage('Data preview', `${intro}\n${sections.join('\n')}`, style)
}
