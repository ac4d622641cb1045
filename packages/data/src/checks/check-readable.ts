import { QtError } from '@qt/core'
import { readChat } from '../read-chat.js'
import { readInstruction } from '../read-instruction.js'
import { readPreference } from '../read-preference.js'
import { readTokens } from '../read-tokens.js'
import type { Report } from './dataset-finding.js'
import type { RecordView } from './record-view.js'

/** What the other checks do not know of, and a training would refuse. */
export function checkReadable({ kind, value }: RecordView, report: Report): void {
  try {
    read(kind, value)
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    const field = error.where?.field
    report({
      code: 'refused',
      ...(field === undefined ? {} : { path: [field] }),
      message: error.message,
      fix: { label: error.actions.map(({ label }) => label).join(' '), drop: true },
    })
  }
}

function read(kind: RecordView['kind'], value: RecordView['value']): void {
  const record = { value, where: {} }
  if (kind === 'chat') readChat(record)
  else if (kind === 'instruction') readInstruction(record)
  else if (kind === 'preference') readPreference(record)
  else if (kind === 'tokens')
    for (const ids of Object.hasOwn(value, 'input_ids') ? [value] : [value.chosen, value.rejected])
      readTokens({ value: isPlain(ids) ? ids : {}, where: {} }, { sequenceLength: Number.POSITIVE_INFINITY })
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
