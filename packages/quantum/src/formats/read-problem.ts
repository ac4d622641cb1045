import { QtError, usageError } from '@qt/core'
import type { QuadraticModel } from '../quadratic.js'
import { scaled } from '../vartype.js'
import { isBqmFile, readBqmFile } from './bqm-file.js'
import { readCoo } from './coo.js'
import { fileError, type Source } from './entries.js'
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
  // White space alone, whatever it is said to be: a copy or a download that failed.
  if (bytes.every((byte) => byte <= 32)) throw empty(source)
  const guessed = options.format === undefined ? detect(source) : undefined
  const format = options.format ?? guessed!.format
  if (!formats.includes(format))
    throw usageError('QUBO_FORMAT', `There is no format "${format}".`, { actions: [`Use ${formats.join(', ')}.`] })
  const { model, maximise } = guessed?.byCount ? guessing(format, () => read(format, source)) : read(format, source)
  const sense = format === 'gset' ? 'minimise' : (options.sense ?? (maximise ? 'maximise' : 'minimise'))
  return { format, model: sense === 'maximise' ? scaled(model, -1) : model, sense, maxCut: format === 'gset', warnings }
}

/** A file that is no graph shall not be told only what is wrong with it as a graph. */
function guessing<T>(format: Format, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    const { code, message, where, actions } = error
    const said = `It was taken for ${format} by its first line; if it is no such file, say --format coo ({ format: 'coo' }).`
    throw usageError(code, message, { ...(where ? { where } : {}), actions: [...actions, said], cause: error })
  }
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

const empty = (source: Source) => fileError(source, undefined, 'The file is empty.', 'Give a file with a model.')

interface Detected {
  readonly format: Format
  /** Only because the first line counts the others. */
  readonly byCount: boolean
}

/**
 * By the name where it tells, else by the content: a header that counts the lines behind it, and variables that all of them have, is one
 * of biqmac's or of G-set's. `0 1 5` and one more line is none.
 */
function detect(source: Source): Detected {
  const certain = (format: Format): Detected => ({ format, byCount: false })
  if (isBqmFile(source.bytes)) return certain('bqm')
  const ending = endings[/\.(\w+)$/.exec(source.file ?? '')?.[1]?.toLowerCase() ?? '']
  if (ending !== undefined && ending !== 'bqm') return certain(ending)
  const lines = linesOf(source.bytes, source.file)
  let header: { fields: number[]; other: boolean } | undefined
  let [count, diagonal, largest] = [0, false, 0]
  while (lines.next()) {
    if (lines.startsWith('#%')) continue
    if (lines.startsWith('{[')) return certain('json')
    if (lines.startsWith('pc')) return certain('qubo')
    const words = header ? [lines.word(), lines.word()] : lines.text().split(/[\s,]+/)
    if (header) {
      count++
      if (words[0] === words[1]) diagonal = true
      largest = Math.max(largest, Number(words[0]), Number(words[1]))
      continue
    }
    const fields = words.map(Number)
    header = { fields, other: fields.length !== 3 || fields.some(Number.isNaN) }
  }
  if (!header) throw empty(source)
  const [size = 0, announced] = header.fields
  const counts = announced === count && Number.isInteger(size) && size >= 1 && !(largest > size)
  if (!header.other && !counts) return certain('coo')
  return { format: diagonal ? 'biqmac' : 'gset', byCount: true }
}
