import { extname } from 'node:path'
import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'

export const dataReport = defineVerb({
  name: 'data report',
  summary: 'Measure whether a dataset is worth training on.',
  details: 'Mistakes, near-duplicates, diversity, and whether every category has its share. Exits with 1 when a check fails.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    out: { type: 'text', value: 'FILE', description: 'Write it as .html or .json, too.' },
    templates: { type: 'text', value: 'SET', description: 'Templates whose categories and counts are expected: coding-rules.' },
    by: { type: 'text', value: 'FIELD', description: 'The field that holds the category. Default category.' },
    similarity: { type: 'number', value: 'S', description: 'From which similarity on records are alike. Default 0.8.' },
  },
  examples: ['qt data report chats.jsonl', 'qt data report rules.jsonl --templates coding-rules --out quality.html'],
  async run({ flags, positionals, io }) {
    const { loadTemplates, qualityReport, qualityReportHtml } = await need('@qt/data', () => import('@qt/data'))
    const { out, templates, by, similarity } = flags
    const kind = out === undefined ? '' : extname(out).toLowerCase()
    if (out !== undefined && kind !== '.html' && kind !== '.json')
      throw usageError('USAGE_BAD_VALUE', `--out cannot write "${out}".`, {
        actions: ['Name a file that ends in .html or .json.'],
      })
    const categories = templates === undefined ? undefined : (await loadTemplates(templates)).categories
    const report = await withInterrupt((signal) => qualityReport(positionals[0]!, { by, similarity, categories, signal }))
    io.out(
      numbers([
        ['', 'measured', 'limit', ''],
        ...report.checks.map(({ name, value, limit, passed }) => [
          name,
          Number.isInteger(value) ? String(value) : value.toFixed(3),
          limit,
          passed ? 'passed' : 'FAILED',
        ]),
      ]),
    )
    if (out !== undefined) {
      await writeFileAtomic(out, kind === '.html' ? qualityReportHtml(report) : `${JSON.stringify(report, null, 2)}\n`)
      io.note(`wrote ${out}\n`)
    }
    io.document(report)
    return report.passed ? 0 : 1
  },
})
