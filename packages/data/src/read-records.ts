import { type ErrorLocation, messageOf, usageError } from '@qt/core'
import { fileKind } from './find-files.js'
import { readLines, readWhole } from './read-lines.js'

/** One example as it lies in a file, and where. */
export interface DataRecord {
  readonly value: Readonly<Record<string, unknown>>
  readonly where: ErrorLocation
}

/**
 * The records of a data file, streamed: a line of JSONL each, an element of a JSON array each, a text file as one `{ text }`.
 *
 * @example
 * ```ts
 * for await (const { value, where } of readRecords('rows.jsonl')) console.log(where.line, Object.keys(value))
 * ```
 */
export async function* readRecords(file: string): AsyncGenerator<DataRecord> {
  const kind = fileKind(file)
  if (kind === 'text') yield { value: { text: await readWhole(file) }, where: { file } }
  else if (kind === 'json') yield* readJson(file)
  else
    for await (const { text, line } of readLines(file))
      if (text.trim() !== '') yield record(parse(text, { file, line }), { file, line })
}

async function* readJson(file: string): AsyncGenerator<DataRecord> {
  const value = parse(await readWhole(file), { file })
  if (!Array.isArray(value)) yield record(value, { file })
  else for (const [index, item] of value.entries()) yield record(item, { file, field: `[${index}]` })
}

function parse(text: string, where: ErrorLocation): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw usageError('DATA_SYNTAX', `This is not valid JSON: ${messageOf(cause)}.`, {
      where,
      actions: [
        where.line === undefined ? 'Correct the syntax.' : 'Correct that line: JSONL has one whole JSON object on each line.',
      ],
      cause,
    })
  }
}

function record(value: unknown, where: ErrorLocation): DataRecord {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { value: { ...value }, where }
  throw usageError('DATA_RECORD_INVALID', 'A record must be a JSON object.', {
    where,
    actions: ['Write each example as {"…": …}.'],
  })
}
