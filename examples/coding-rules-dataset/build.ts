import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateDataset, loadTemplates, qualityReport, qualityReportHtml, splitDataset } from '@qt/data'

/** A full set: examples of every category, a report of their quality, and a split that leaks nothing. */
const [size = '2000', folder = 'output'] = process.argv.slice(2)
await mkdir(folder, { recursive: true })

const rules = join(folder, 'rules.jsonl')
const made = await generateDataset('coding-rules', { out: rules, size: Number(size), seed: 1 })
console.log(`${made.records} examples of ${made.set} (version ${made.version})`)
console.table(made.categories)

const { categories } = await loadTemplates('coding-rules')
const report = await qualityReport(rules, { categories })
console.table(report.checks)
await writeFile(join(folder, 'quality.html'), qualityReportHtml(report))

const { parts, together } = await splitDataset(rules, { out: folder, shares: { validation: 0.2 }, by: 'category' })
console.log(`training ${parts.train}, validation ${parts.validation}; ${together.records} records were kept together`)
process.exitCode = report.passed ? 0 : 1
