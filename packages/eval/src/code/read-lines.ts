import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type ErrorLocation, usageError } from '@qt/core'
import { readRecords } from '@qt/data'
import type { ZodType } from 'zod'
import { filesOf } from '../hub-data.js'

/** What the file should be, and what to do when it is not. */
export interface Expected {
  readonly what: string
  readonly action: string
}

const published: Expected = { what: 'the data of this benchmark', action: 'Give the file as it is published.' }

const invalid = (why: string, where: ErrorLocation, { what, action }: Expected, cause?: unknown) =>
  usageError('EVAL_DATA_INVALID', `${why} This is not ${what}.`, {
    where,
    actions: [action],
    ...(cause === undefined ? {} : { cause }),
  })

function checked<T>(value: unknown, schema: ZodType<T>, where: ErrorLocation, expected: Expected): T {
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw invalid(`${issue!.path.join('.') || 'The record'}: ${issue!.message}.`, where, expected)
}

/** Records of a JSONL file, also gzipped; a line that does not fit is an error that names it. */
export async function readLines<T>(file: string, schema: ZodType<T>, expected: Expected = published): Promise<T[]> {
  const bytes = await readFile(file)
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  const plain = zipped
    ? await promisify(gunzip)(bytes).catch((cause: unknown) => {
        throw invalid('The archive is damaged.', { file }, expected, cause)
      })
    : bytes
  return plain
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      const where = { file, line: index + 1 }
      let value: unknown
      try {
        value = JSON.parse(line)
      } catch (cause) {
        throw invalid('The line is not JSON.', where, expected, cause)
      }
      return [checked(value, schema, where, expected)]
    })
}

/** Records of a published benchmark: of a JSONL or Parquet file, or of a dataset of the hub. */
export async function readBenchmark<T>(data: string, schema: ZodType<T>, instead: string): Promise<T[]> {
  const records: T[] = []
  for (const file of await filesOf(data, instead))
    if (/\.parquet$/i.test(file))
      for await (const { value, where } of readRecords(file)) records.push(checked(value, schema, where, published))
    else records.push(...(await readLines(file, schema)))
  return records
}
