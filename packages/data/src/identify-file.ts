import { type FileKind, fileKind } from './find-files.js'
import { type Layout, layoutOf, opened } from './layouts.js'
import { readRecords } from './read-records.js'
import { kindByContent } from './reading/kind-by-content.js'
import { type Packing, packingOfFile } from './reading/read-bytes.js'

export interface FileIdentity {
  readonly kind: FileKind
  readonly packing: Packing
  /** Of the first record; undefined for one of no known shape, or a file without records. */
  readonly layout: Layout | undefined
  /** The fields of the first record. */
  readonly fields: readonly string[]
}

/**
 * What a data file is: its container, how it is packed, and the layout of its records.
 *
 * @example
 * ```ts
 * await identifyFile('alpaca.json') // { kind: 'json', packing: undefined, layout: 'alpaca', fields: ['instruction', 'input', 'output'] }
 * ```
 */
export async function identifyFile(file: string): Promise<FileIdentity> {
  const kind = fileKind(file) ?? (await kindByContent(file))
  const packing = await packingOfFile(file)
  for await (const { value, where } of readRecords(file))
    return { kind, packing, layout: layoutOf(opened(value), where.file), fields: Object.keys(value) }
  return { kind, packing, layout: undefined, fields: [] }
}
