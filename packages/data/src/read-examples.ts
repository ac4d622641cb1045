import type { ErrorLocation } from '@qt/core'
import { dataFiles } from './data-files.js'
import { readRecords } from './read-records.js'
import { type StandardExample, standardise } from './standardise.js'

export interface ReadExample {
  readonly example: StandardExample
  readonly where: ErrorLocation
}

/**
 * Every example of files, folders, globs and addresses in the one standard form, streamed.
 *
 * @example
 * ```ts
 * for await (const { example } of readExamples('data/**')) if (example.kind === 'chat') console.log(example.messages.length)
 * ```
 */
export async function* readExamples(path: string | readonly string[]): AsyncGenerator<ReadExample> {
  for (const file of await dataFiles(path, 'auto'))
    for await (const record of readRecords(file)) yield { example: standardise(record), where: record.where }
}
