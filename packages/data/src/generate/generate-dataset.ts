import { openRecordWriter } from '../record-writer.js'
import { type GenerateExamplesOptions, generateExamples } from './generate-examples.js'
import { loadTemplates } from './load-templates.js'

export interface GenerateDatasetOptions extends GenerateExamplesOptions {
  /** A .jsonl, .json, .csv or .tsv file, also .gz. */
  readonly out: string
  readonly signal?: AbortSignal | undefined
}

export interface GeneratedDataset {
  readonly file: string
  readonly set: string
  readonly version: string
  readonly seed: number
  readonly records: number
  /** Records by category. */
  readonly categories: Readonly<Record<string, number>>
  /** Records by template. */
  readonly templates: Readonly<Record<string, number>>
}

/**
 * Writes examples made from templates: the same file for the same templates, seed and size.
 *
 * @example
 * ```ts
 * const { categories } = await generateDataset('coding-rules', { out: 'rules.jsonl', size: 2000 })
 * categories.procedural // 735
 * ```
 */
export async function generateDataset(path: string, options: GenerateDatasetOptions): Promise<GeneratedDataset> {
  const { out, signal, seed = 1 } = options
  const set = await loadTemplates(path)
  const writer = openRecordWriter(out)
  const categories: Record<string, number> = {}
  const templates: Record<string, number> = {}
  let records = 0
  try {
    for (const { category, template, value } of generateExamples(set, options)) {
      signal?.throwIfAborted()
      await writer.value(value)
      records++
      categories[category] = (categories[category] ?? 0) + 1
      templates[template] = (templates[template] ?? 0) + 1
    }
    await writer.end()
  } catch (error) {
    await writer.abandon()
    throw error
  }
  return { file: out, set: set.name, version: set.version, seed, records, categories, templates }
}
