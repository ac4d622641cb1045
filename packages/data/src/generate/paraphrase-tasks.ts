import { hashText } from '../hash-text.js'
import { firstKey, instructionKeys, promptKeys, talkKeys } from '../layouts.js'
import type { SynthesisTask } from './synthesise.js'

type Plain = Readonly<Record<string, unknown>>

export interface ParaphraseOptions {
  /** Other wordings of each record. Default 1. */
  readonly variants?: number | undefined
}

/**
 * Tasks that ask a model for the question of each record in other words; its answer stays as it is, so that nothing new is claimed. An answer
 * that loses a number, a piece of code or a call in brackets, or changes nothing, is refused. Records without a question give no task.
 *
 * @example
 * ```ts
 * const records = [{ instruction: 'Say what a time-out of 30 seconds means.', output: 'The caller waits 30 seconds.' }]
 * for await (const record of synthesise(model, paraphraseTasks(records, { variants: 2 }))) console.log(record)
 * ```
 */
export async function* paraphraseTasks(
  records: Iterable<Plain> | AsyncIterable<Plain>,
  { variants = 1 }: ParaphraseOptions = {},
): AsyncGenerator<SynthesisTask> {
  for await (const record of records) {
    const question = questionOf(record)
    if (question === undefined || question.text.trim() === '') continue
    const said = new Set([plain(question.text)])
    for (let variant = 0; variant < variants; variant++)
      yield {
        prompt: promptOf(question.text),
        of: hashText(JSON.stringify(record)).toString(16),
        complete: ({ text }) => {
          if (typeof text !== 'string' || text.trim() === '') return 'The answer has no "text".'
          const lost = fixedParts(question.text).find((part) => !text.includes(part))
          if (lost !== undefined) return `${JSON.stringify(lost)} is missing: it must stay as it is.`
          if (said.has(plain(text))) return 'These are the same words.'
          said.add(plain(text))
          return question.put(text)
        },
      }
  }
}

const promptOf = (text: string): string =>
  [
    'Say what stands between the lines in other words: the same meaning, the same language, nothing added and nothing left out.',
    'Numbers, code and what stands in brackets or quotes stay as they are. Answer with one JSON object: {"text": "…"}',
    '---',
    text,
    '---',
  ].join('\n')

/** Letters and digits alone: what differs in nothing else is said in the same words. */
const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()

const fixedParts = (text: string): string[] => text.match(/\[[^\]\n]*\]|`[^`\n]+`|"[^"\n]+"|\d+(?:[.,:]\d+)*/g) ?? []

/** The question of a record and how another is put in its place. */
function questionOf(record: Plain): { readonly text: string; readonly put: (text: string) => Plain } | undefined {
  const turns = firstKey(record, talkKeys)
  if (turns !== undefined) {
    const list: unknown = record[turns]
    if (!Array.isArray(list)) return undefined
    const messages: readonly unknown[] = list
    const at = messages.findIndex(
      (message) => isPlain(message) && ['user', 'human'].includes(String(message.role ?? message.from)),
    )
    const message = messages[at]
    if (!isPlain(message)) return undefined
    const key = typeof message.content === 'string' ? 'content' : 'value'
    const text = message[key]
    if (typeof text !== 'string') return undefined
    return { text, put: (other) => ({ ...record, [turns]: messages.with(at, { ...message, [key]: other }) }) }
  }
  const key = firstKey(record, [...instructionKeys, ...promptKeys])
  const text = key === undefined ? undefined : record[key]
  return key !== undefined && typeof text === 'string' ? { text, put: (other) => ({ ...record, [key]: other }) } : undefined
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
