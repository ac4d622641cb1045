import { usageError } from '@qt/core'
import type { QuadraticModel } from '../quadratic.js'
import { scaled } from '../vartype.js'
import { isBqmFile, readBqmFile } from './bqm-file.js'
import { readCoo } from './coo.js'
import type { Source } from './entries.js'
import { readBiqmac, readGset } from './graph.js'
import { readJson } from './json.js'
import { linesOf } from './lines.js'
import { type Format, formats, type ProblemFile } from './problem-file.js'
import { readQubo } from './qubo.js'

export interface ReadOptions {
  /** Found out from the name and the content, unless given. */
  readonly format?: Format | undefined
  /** For messages, and for finding out the format. */
  readonly file?: string | undefined
  /** What the file wants, where its format leaves that open. */
  readonly sense?: 'minimise' | 'maximise' | undefined
}

/**
 * Reads a model from the content of a file.
 *
 * @example
 * ```ts
 * const triangle = readProblem('3 3\n1 2 1\n2 3 1\n1 3 1\n', { format: 'gset' })
 * const { energy } = await solve(triangle.model, { seed: 1 })
 * cutOf(triangle, energy) // 2
 * ```
 */
export function readProblem(content: string | Uint8Array, options: ReadOptions = {}): ProblemFile {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const warnings: string[] = []
  const source: Source = { bytes, file: options.file, warn: (message) => warnings.push(message) }
  const format = options.format ?? detect(source)
  if (!formats.includes(format))
    throw usageError('QUBO_FORMAT', `There is no format "${format}".`, { actions: [`Use ${formats.join(', ')}.`] })
  const { model, maximise } = read(format, source)
  const sense = format === 'gset' ? 'minimise' : (options.sense ?? (maximise ? 'maximise' : 'minimise'))
  return { format, model: sense === 'maximise' ? scaled(model, -1) : model, sense, maxCut: format === 'gset', warnings }
}

function read(format: Format, source: Source): { model: QuadraticModel; maximise?: boolean } {
  if (format === 'qubo') return readQubo(source)
  if (format === 'gset') return { model: readGset(source) }
  if (format === 'biqmac') return { model: readBiqmac(source) }
  if (format === 'bqm') return { model: readBqmFile(source) }
  return { model: format === 'json' ? readJson(source) : readCoo(source) }
}

const endings: Readonly<Record<string, Format>> = {
  qubo: 'qubo',
  coo: 'coo',
  sparse: 'biqmac',
  bq: 'biqmac',
  mc: 'gset',
  rud: 'gset',
  bqm: 'bqm',
  json: 'json',
}

/** By the content where it tells, else by the name: a header that counts the lines behind it is one of biqmac's or of G-set's. */
function detect(source: Source): Format {
  if (isBqmFile(source.bytes)) return 'bqm'
  const ending = endings[/\.(\w+)$/.exec(source.file ?? '')?.[1]?.toLowerCase() ?? '']
  if (ending !== undefined && ending !== 'bqm') return ending
  const lines = linesOf(source.bytes, source.file)
  let header: { fields: number[]; other: boolean } | undefined
  let [count, diagonal] = [0, false]
  while (lines.next()) {
    if (lines.startsWith('#%')) continue
    if (lines.startsWith('{[')) return 'json'
    if (lines.startsWith('pc')) return 'qubo'
    const words = header ? [lines.word(), lines.word()] : lines.text().split(/[\s,]+/)
    if (header) {
      count++
      if (words[0] === words[1]) diagonal = true
      continue
    }
    const fields = words.map(Number)
    header = { fields, other: fields.length !== 3 || fields.some(Number.isNaN) }
  }
  if (!header) throw usageError('QUBO_FORMAT', 'The file is empty.', { actions: ['Give a file with a model.'] })
  const counts = header.fields[1] === count
  if (!header.other && !counts) return 'coo'
  return diagonal ? 'biqmac' : 'gset'
}
