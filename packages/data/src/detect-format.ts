import { type dataFormats, usageError } from '@qt/core'
import { type Layout, layoutOf } from './layouts.js'
import type { DataRecord } from './read-records.js'

/** The formats that rows are made of. */
export type RowFormat = 'tokens' | 'chat' | 'instructions' | 'text' | 'scenarios'

const formats: Readonly<Record<Layout, RowFormat | 'preference'>> = {
  tokens: 'tokens',
  preference: 'preference',
  openai: 'chat',
  sharegpt: 'chat',
  alpaca: 'instructions',
  'structured-instruction': 'instructions',
  'prompt-completion': 'instructions',
  'question-answer': 'instructions',
  'the-stack': 'text',
  codesearchnet: 'text',
  scenario: 'scenarios',
  text: 'text',
}

/** The format of a record by its keys, or the one that the configuration fixes. */
export function formatOf({ value, where }: DataRecord, wanted: (typeof dataFormats)[number]): RowFormat {
  if (wanted !== 'auto' && wanted !== 'preference') return wanted
  const layout = wanted === 'auto' ? layoutOf(value, where.file) : 'preference'
  if (layout === undefined) throw unknownShape({ value, where })
  const format = formats[layout]
  if (format !== 'preference') return format
  throw usageError('DATA_FORMAT_UNSUPPORTED', 'Rows are not made from the format "preference".', {
    where: { field: 'data.format' },
    actions: [
      'Set training.objective to dpo or orpo, which learn from pairs.',
      'Or use scenarios, chat, instructions, text or tokens.',
    ],
  })
}

/** The error for a record that is of no known layout. */
export function unknownShape({ value, where }: DataRecord) {
  const keys = Object.keys(value).slice(0, 8).join(', ')
  return usageError('DATA_RECORD_UNKNOWN', `This record has no known shape; its keys are: ${keys || 'none'}.`, {
    where,
    actions: [
      'Use {"messages": […]}, {"conversations": […]}, {"instruction", "input", "output"}, {"prompt", "completion"}, {"text"}, {"prompt", "chosen", "rejected"} or {"input_ids", "labels"}.',
      'In CSV and TSV the first row holds these names.',
    ],
  })
}
