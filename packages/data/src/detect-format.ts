import { type dataFormats, usageError } from '@qt/core'
import type { DataRecord } from './read-records.js'
import { looksLikeScenario } from './scenario/detect-scenario.js'

/** The formats that rows are made of. */
export type RowFormat = 'tokens' | 'chat' | 'instructions' | 'text' | 'scenarios'

const signs: readonly (readonly [RowFormat, (has: (key: string) => boolean) => boolean])[] = [
  ['tokens', (has) => has('input_ids')],
  ['chat', (has) => has('messages') || has('conversations')],
  ['instructions', (has) => (has('instruction') && has('output')) || (has('prompt') && has('completion'))],
  ['text', (has) => has('text')],
]

const isMarkdown = /\.md(\.gz)?$/i

/** The format of a record by its keys, or the one that the configuration fixes. */
export function formatOf({ value, where }: DataRecord, wanted: (typeof dataFormats)[number]): RowFormat {
  if (wanted === 'preference')
    throw usageError('DATA_FORMAT_UNSUPPORTED', `Rows are not made from the format "${wanted}".`, {
      where: { field: 'data.format' },
      actions: [
        'Set training.objective to dpo or orpo, which learn from pairs.',
        'Or use scenarios, chat, instructions, text or tokens.',
      ],
    })
  if (wanted !== 'auto') return wanted
  if (isMarkdown.test(where.file ?? '') && typeof value.text === 'string' && looksLikeScenario(value.text)) return 'scenarios'
  const found = signs.find(([, sign]) => sign((key) => Object.hasOwn(value, key)))
  if (found) return found[0]
  const keys = Object.keys(value).slice(0, 8).join(', ')
  throw usageError('DATA_RECORD_UNKNOWN', `This record has no known shape; its keys are: ${keys || 'none'}.`, {
    where,
    actions: [
      'Use {"messages": […]}, {"conversations": […]}, {"instruction", "input", "output"}, {"text"} or {"input_ids", "labels"}.',
    ],
  })
}
