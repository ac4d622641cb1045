import type { ChatExample } from '@qt/core'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

/** `instruction`, `input`, `output` (or `prompt`, `completion`) as a conversation of one turn. */
export function readInstruction({ value, where }: DataRecord): ChatExample {
  const [askKey, answerKey] = Object.hasOwn(value, 'instruction') ? ['instruction', 'output'] : ['prompt', 'completion']
  const [ask, input, answer, system] = [value[askKey], value.input ?? '', value[answerKey], value.system ?? '']
  for (const [field, text] of [
    [askKey, ask],
    ['input', input],
    [answerKey, answer],
    ['system', system],
  ] as const)
    if (typeof text !== 'string') throw recordError(where, field, `"${field}" must be text.`, `Add "${field}": "…".`)
  return {
    messages: [
      ...(system === '' ? [] : [{ role: 'system' as const, content: String(system) }]),
      { role: 'user', content: [ask, input].filter((text) => text !== '').join('\n\n') },
      { role: 'assistant', content: String(answer) },
    ],
  }
}
