import { type ChatExample, type ErrorLocation, QtError, type Tokenizer, type TrainingConfig, usageError } from '@qt/core'
import { chatTemplateOf } from './chat-template.js'
import type { RowFormat } from './detect-format.js'
import { fitTurns } from './fit-turns.js'
import { type MaskChatOptions, maskChat } from './mask-chat.js'
import { readChat } from './read-chat.js'
import { readInstruction } from './read-instruction.js'
import type { DataRecord } from './read-records.js'
import { readText } from './read-text.js'
import { readTokens } from './read-tokens.js'
import { recordError } from './record-error.js'
import { requireKnown } from './require-known.js'
import type { Finding } from './scenario/finding.js'
import { invalidScenario, readScenario } from './scenario/read-scenario.js'
import { resultRoleOf } from './scenario/result-role.js'
import type { ScenarioTool } from './scenario/tools.js'
import { specialFrame } from './special-frame.js'

export interface EncodedRecord {
  readonly ids: Uint32Array | Int32Array
  /** Not shifted. */
  readonly labels: Uint32Array | Int32Array
  /** False when an assistant turn lacks its end token. */
  readonly endsTurns: boolean
  /** Calls of the assistant are not in the ids. */
  readonly losesCalls?: boolean
}

export interface EncodeOptions {
  readonly tokenizer: Tokenizer | undefined
  readonly sequenceLength: number
  readonly base?: string | undefined
  /** Of the model: ids and labels of tokenised data must lie below it. */
  readonly vocabularySize?: number | undefined
  readonly architecture?: TrainingConfig['architecture']
  readonly tools?: readonly ScenarioTool[] | undefined
  readonly learn?: TrainingConfig['data']['learn']
  readonly tooLong?: TrainingConfig['data']['tooLong']
  /** Given: told of an invalid scenario, which is then left out; else it is an error. */
  readonly onInvalid?: ((file: string, findings: readonly Finding[]) => void) | undefined
}

/** Templates that write today's date get this day, so that the same data gives the same rows on any day. */
const day = new Date('2024-07-26T00:00:00Z')

/**
 * The tokens of a record and what is trained on, or undefined when the record is left out. Every error names the file and line of the
 * record.
 */
export function encodeRecord(record: DataRecord, format: RowFormat, options: EncodeOptions): EncodedRecord | undefined {
  if (format !== 'tokens') {
    const encoded = encodeWords(record, format, options)
    if (encoded) requireKnown(encoded.ids, options.vocabularySize, record.where)
    return encoded
  }
  const vocabularySize = options.vocabularySize ?? options.tokenizer?.vocabularySize ?? options.architecture?.vocab
  return {
    ...readTokens(record, {
      sequenceLength: options.tooLong ? Number.POSITIVE_INFINITY : options.sequenceLength,
      vocabularySize,
    }),
    endsTurns: true,
  }
}

function encodeWords(
  record: DataRecord,
  format: Exclude<RowFormat, 'tokens'>,
  options: EncodeOptions,
): EncodedRecord | undefined {
  const { tokenizer } = options
  if (tokenizer === undefined)
    throw usageError('DATA_TOKENIZER_MISSING', `Data in the format "${format}" needs a tokenizer.`, {
      where: record.where,
      actions: ['Name one as "tokenizer" in the configuration, or give a base that brings its own.'],
    })
  if (format === 'text') return encodeText(record, tokenizer)
  const example =
    format === 'scenarios'
      ? scenarioExample(record, tokenizer, options)
      : format === 'chat'
        ? readChat(record)
        : readInstruction(record)
  if (example === undefined) return undefined
  const settings: MaskChatOptions = {
    date: day,
    learn: options.learn,
    ...(options.base === undefined ? {} : { templateName: `of ${options.base}` }),
  }
  const mask = (shown: ChatExample) => maskChat(shown, tokenizer, settings)
  return located(record.where, () => {
    if (options.tooLong !== 'last-turns') return mask(example)
    let masked = mask(example)
    fitTurns(example, (shorter) => {
      if (shorter !== example) masked = mask(shorter)
      return masked.ids.length <= options.sequenceLength
    })
    return masked
  })
}

function scenarioExample({ value, where }: DataRecord, tokenizer: Tokenizer, { tools, onInvalid }: EncodeOptions) {
  if (typeof value.text !== 'string')
    throw recordError(where, 'text', 'A scenario is a Markdown file.', 'Give a folder of .md files, or another data.format.')
  const read = readScenario(value.text, where.file, {
    resultRole: resultRoleOf(chatTemplateOf(tokenizer)),
    ...(tools ? { tools } : {}),
  })
  if (read.example === undefined && onInvalid === undefined) throw invalidScenario(read.findings)
  if (read.example === undefined) onInvalid?.(where.file ?? '', read.findings)
  return read.example
}

/** A document with the tokens that the tokenizer puts around a text, and an end token in any case; all of it trained on. */
function encodeText({ value, where }: DataRecord, tokenizer: Tokenizer): EncodedRecord {
  const content = readText({ value, where }).text
  const { before, after } = specialFrame(tokenizer)
  const { eosId } = tokenizer
  const end = eosId === undefined || after.includes(eosId) ? after : [...after, eosId]
  const text = content.trim() === '' ? undefined : tokenizer.encode(content)
  const ids = new Uint32Array(text === undefined ? 0 : before.length + text.length + end.length)
  if (text !== undefined) {
    ids.set(before)
    ids.set(text, before.length)
    ids.set(end, before.length + text.length)
  }
  return { ids, labels: ids, endsTurns: true }
}

/** Runs something and gives its errors the place of the record. */
function located<T>(where: ErrorLocation, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    throw new QtError({ ...error.toJSON(), kind: error.kind, where: { ...where, ...error.where }, cause: error.cause })
  }
}
