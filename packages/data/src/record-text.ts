import { viewRecord } from './checks/record-view.js'
import { layoutOf } from './layouts.js'
import type { DataRecord } from './read-records.js'

/** What is said in a record, of any layout: for comparing records. System prompts are left out, they are often the same everywhere. */
export function recordText({ value, where }: DataRecord): string {
  const layout = layoutOf(value, where.file)
  if (layout === undefined) return JSON.stringify(value)
  if (layout === 'tokens') return Array.isArray(value.input_ids) ? value.input_ids.join(' ') : ''
  const { messages, rejected } = viewRecord(value, layout, () => {})
  return [...messages, ...rejected]
    .filter(({ role }) => role !== 'system')
    .map(({ text }) => text)
    .join('\n')
}
