import { findFiles } from '../find-files.js'
import type { TemplateSet } from '../generate/template-set.js'
import { NearDuplicates } from '../near-duplicates/near-duplicates.js'
import { readRecordBatches } from '../read-records.js'
import { recordText } from '../record-text.js'
import { escapeHtml, htmlPage } from '../report-html.js'
import { stratumOf } from '../split-dataset.js'
import { type DatasetReport, validateDataset } from '../validate-dataset.js'
import { type Diversity, measureDiversity } from './diversity.js'

export interface QualityReportOptions {
  /** The field that holds the category. Default `category`. */
  readonly by?: string | undefined
  /** How many examples each category has in a full set; those of `loadTemplates`. */
  readonly categories?: TemplateSet['categories'] | undefined
  /** From this similarity on records are alike. Default 0.8. */
  readonly similarity?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface QualityCheck {
  readonly name: string
  readonly value: number
  readonly limit: string
  readonly passed: boolean
}

export interface QualityReport {
  readonly records: number
  readonly categories: Readonly<Record<string, number>>
  readonly nearDuplicates: number
  /** Of at most 20,000 records. */
  readonly diversity: Diversity
  /** Letters of a record: the shortest, the median, the 95th percentile, the longest. */
  readonly lengths: readonly [number, number, number, number]
  readonly validation: Pick<DatasetReport, 'errors' | 'warnings' | 'codes' | 'sound'>
  readonly checks: readonly QualityCheck[]
  readonly passed: boolean
}

/** More texts than this tell no more about their diversity. */
const sampled = 20_000

/**
 * Measures whether a dataset is worth training on: its mistakes, near-duplicates, diversity, and whether every category has its share.
 *
 * @example
 * ```ts
 * const { categories } = await loadTemplates('coding-rules')
 * const report = await qualityReport('rules.jsonl', { categories })
 * report.passed // true
 * ```
 */
export async function qualityReport(
  path: string | readonly string[],
  options: QualityReportOptions = {},
): Promise<QualityReport> {
  const { by = 'category', categories: wanted, similarity = 0.8, signal } = options
  const validation = await validateDataset(path, { signal })
  const finder = new NearDuplicates({ similarity })
  const categories: Record<string, number> = {}
  const texts: string[] = []
  const lengths: number[] = []
  let nearDuplicates = 0
  for (const file of await findFiles(path, { signal }))
    for await (const batch of readRecordBatches(file, { onError: () => {} })) {
      signal?.throwIfAborted()
      for (const record of batch) {
        const text = recordText(record)
        const name = stratumOf(record.value, by)
        categories[name] = (categories[name] ?? 0) + 1
        lengths.push(text.length)
        if (texts.length < sampled) texts.push(text)
        if (finder.add(text)) nearDuplicates++
      }
    }
  const diversity = measureDiversity(texts)
  lengths.sort((a, b) => a - b)
  const at = (share: number): number => lengths[Math.min(lengths.length - 1, Math.floor(share * lengths.length))] ?? 0
  const records = lengths.length
  const checks = [
    most('mistakes', validation.errors, 0),
    most('share of near-duplicates', records === 0 ? 0 : nearDuplicates / records, 0.01),
    most('share of the commonest opening', diversity.openings[0]?.share ?? 0, 0.05),
    most('self-BLEU', diversity.selfBleu, 0.8),
    most('compression ratio', diversity.compressionRatio, 12),
    least('records', records, 1),
    ...(wanted ? coverage(categories, wanted, records) : []),
  ]
  const { errors, warnings, codes, sound } = validation
  return {
    records,
    categories,
    nearDuplicates,
    diversity,
    lengths: [at(0), at(0.5), at(0.95), at(1)],
    validation: { errors, warnings, codes, sound },
    checks,
    passed: checks.every(({ passed }) => passed),
  }
}

const most = (name: string, value: number, limit: number): QualityCheck => ({
  name,
  value,
  limit: `at most ${limit}`,
  passed: value <= limit,
})
const least = (name: string, value: number, limit: number): QualityCheck => ({
  name,
  value,
  limit: `at least ${limit}`,
  passed: value >= limit,
})

/** A set that is smaller or larger than a full one has the ranges in proportion. */
function coverage(found: Readonly<Record<string, number>>, wanted: TemplateSet['categories'], records: number): QualityCheck[] {
  const ranges = Object.values(wanted)
  const [least, most] = [ranges.reduce((sum, { from }) => sum + from, 0), ranges.reduce((sum, { to }) => sum + to, 0)]
  return Object.entries(wanted).map(([name, { from, to }]) => {
    const value = found[name] ?? 0
    const low = Math.floor(from * Math.min(1, records / least))
    const high = Math.ceil(to * Math.max(1, records / most))
    return { name: `examples of ${name}`, value, limit: `${low} to ${high}`, passed: value >= low && value <= high }
  })
}

const figure = (value: number): string => (Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(3))

/** A quality report as one HTML file. */
export function qualityReportHtml(report: QualityReport): string {
  const { records, categories, nearDuplicates, diversity, lengths, validation, checks, passed } = report
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
    `<table><tr>${head.map((one) => `<th>${escapeHtml(one)}</th>`).join('')}</tr>${rows
      .map(
        (row) =>
          `<tr>${row.map((cell, index) => `<td${index === 1 ? ' class="n"' : ''}>${escapeHtml(cell)}</td>`).join('')}</tr>`,
      )
      .join('')}</table>`
  const { distinct, compressionRatio, selfBleu, openings } = diversity
  const body = [
    `<p class="${passed ? '' : 'error'}"><b>${passed ? 'Every check passed.' : `${checks.filter((check) => !check.passed).length} of ${checks.length} checks failed.`}</b></p>`,
    `<div class="numbers"><div><b>${figure(records)}</b>records</div><div><b>${figure(validation.sound)}</b>without errors</div><div><b>${figure(nearDuplicates)}</b>near-duplicates</div></div>`,
    '<h2>Checks</h2>',
    table(
      ['Check', 'Measured', 'Limit', ''],
      checks.map(({ name, value, limit, passed }) => [name, figure(value), limit, passed ? 'passed' : 'FAILED']),
    ),
    '<h2>Categories</h2>',
    table(
      ['Category', 'Records'],
      Object.entries(categories).map(([name, count]) => [name || '(none)', figure(count)]),
    ),
    '<h2>Diversity</h2>',
    table(
      ['Measure', 'Value'],
      [
        ...distinct.map((value, index) => [`distinct-${index + 1}`, figure(value)]),
        ['compression ratio', figure(compressionRatio)],
        ['self-BLEU', figure(selfBleu)],
        ...openings.map(({ words, share }) => [`begins with “${words}”`, figure(share)]),
      ],
    ),
    '<h2>Letters of a record</h2>',
    table(
      ['Which', 'Letters'],
      ['shortest', 'median', '95th percentile', 'longest'].map((name, index) => [name, figure(lengths[index]!)]),
    ),
    ...(Object.keys(validation.codes).length > 0
      ? [
          '<h2>Findings</h2>',
          table(
            ['Kind', 'Count'],
            Object.entries(validation.codes).map(([code, count]) => [code, figure(count)]),
          ),
        ]
      : []),
  ]
  return htmlPage('Quality report', body.join('\n'))
}
