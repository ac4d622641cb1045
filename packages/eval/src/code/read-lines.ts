import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { usageError } from '@qt/core'
import type { ZodType } from 'zod'

/** What the file should be, and what to do when it is not. */
export interface Expected {
  readonly what: string
  readonly action: string
}

const published: Expected = { what: 'the data of this benchmark', action: 'Give the JSONL file as it is published.' }

/** Records of a JSONL file, also gzipped; a line that does not fit is an error that names it. */
export async function readLines<T>(file: string, schema: ZodType<T>, { what, action }: Expected = published): Promise<T[]> {
  const invalid = (why: string, line?: number, cause?: unknown) =>
    usageError('EVAL_DATA_INVALID', `${why} This is not ${what}.`, {
      where: { file, ...(line === undefined ? {} : { line }) },
      actions: [action],
      ...(cause === undefined ? {} : { cause }),
    })
  const bytes = await readFile(file)
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b
  const plain = zipped
    ? await promisify(gunzip)(bytes).catch((cause: unknown) => {
        throw invalid('The archive is damaged.', undefined, cause)
      })
    : bytes
  return plain
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, index) => {
      if (line.trim() === '') return []
      let value: unknown
      try {
        value = JSON.parse(line)
      } catch (cause) {
        throw invalid('The line is not JSON.', index + 1, cause)
      }
      const read = schema.safeParse(value)
      if (read.success) return [read.data]
      const [issue] = read.error.issues
      throw invalid(`${issue!.path.join('.') || 'The record'}: ${issue!.message}.`, index + 1)
    })
}
