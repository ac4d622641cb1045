import { messageOf } from '@qt/core'
import type { QuadraticModel } from '../quadratic.js'
import { quadraticModel } from '../quadratic-builder.js'
import { fileError, mostVariables, type Source } from './entries.js'

/** The plain form, and that of dimod's `to_serializable()` (without bytes). */
export function readJson(source: Source): QuadraticModel {
  const broken = (message: string, line?: number) =>
    fileError(source, line, message, 'Write {"vartype": "binary", "linear": [1, -2], "couplings": [[0, 1, 3]], "offset": 0}.')
  let parsed: unknown
  const text = new TextDecoder().decode(source.bytes)
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    const position = /position (\d+)/.exec(messageOf(error))?.[1]
    throw broken('The file is no JSON.', position === undefined ? undefined : text.slice(0, Number(position)).split('\n').length)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw broken('The file holds no JSON object.')
  const fields: Record<string, unknown> = { ...parsed }
  return 'linear_biases' in fields ? dimodModel(fields, broken) : plainModel(fields, broken)
}

type Broken = (message: string) => Error

function plainModel(fields: Record<string, unknown>, broken: Broken): QuadraticModel {
  const { vartype = 'binary', offset = 0, linear = [], couplings = [], labels, size } = fields
  const spin = typeof vartype === 'string' && /^spin$/i.test(vartype)
  if (!spin && !(typeof vartype === 'string' && /^binary$/i.test(vartype)))
    throw broken('"vartype" is neither "binary" nor "spin".')
  if (typeof offset !== 'number') throw broken('"offset" is no number.')
  if (!isNumbers(linear)) throw broken('"linear" is no list of numbers.')
  if (!Array.isArray(couplings)) throw broken('"couplings" is no list.')
  const triples = couplings.map((entry, k): [number, number, number] => {
    if (!isNumbers(entry) || entry.length !== 3) throw broken(`Coupling ${k} is no [i, j, value].`)
    return [entry[0]!, entry[1]!, entry[2]!]
  })
  if (labels !== undefined && !(Array.isArray(labels) && labels.every((label) => typeof label === 'string')))
    throw broken('"labels" is no list of texts.')
  if (size !== undefined && !(typeof size === 'number' && Number.isInteger(size) && size >= 0))
    throw broken('"size" is no whole number.')
  if (typeof size === 'number' && size > mostVariables) throw broken(`"size" is ${size}; at most ${mostVariables} are read.`)
  checkNumbers(linear, triples, size, broken)
  if (!Number.isFinite(offset)) throw broken('"offset" is too large for a number.')
  const named = triples.reduce((most, [i, j]) => Math.max(most, i + 1, j + 1), linear.length)
  if (linear.length > (size ?? named)) throw broken(`"linear" has ${linear.length} numbers for ${size} variables.`)
  if (labels !== undefined && labels.length !== (size ?? named))
    throw broken(`There are ${labels.length} "labels" for ${size ?? named} variables.`)
  return quadraticModel({
    vartype: spin ? 'spin' : 'binary',
    offset,
    linear,
    couplings: triples,
    ...(labels === undefined ? {} : { labels: labels.map(String) }),
    ...(size === undefined ? {} : { size }),
  })
}

function dimodModel(fields: Record<string, unknown>, broken: Broken): QuadraticModel {
  const {
    variable_type,
    offset = 0,
    linear_biases,
    quadratic_biases,
    quadratic_head,
    quadratic_tail,
    variable_labels,
    use_bytes,
  } = fields
  if (use_bytes === true)
    throw broken('Biases written as bytes are not read; write them with use_bytes=False, or as a file with to_file().')
  if (!isNumbers(linear_biases) || !isNumbers(quadratic_biases) || !isNumbers(quadratic_head) || !isNumbers(quadratic_tail))
    throw broken('The biases are no lists of numbers.')
  if (quadratic_head.length !== quadratic_biases.length || quadratic_tail.length !== quadratic_biases.length)
    throw broken('"quadratic_head", "quadratic_tail" and "quadratic_biases" have different lengths.')
  const couplings = quadratic_biases.map((value, k): [number, number, number] => [quadratic_head[k]!, quadratic_tail[k]!, value])
  checkNumbers(linear_biases, couplings, linear_biases.length, broken)
  const labels = Array.isArray(variable_labels) ? variable_labels : []
  if (labels.length > 0 && labels.length !== linear_biases.length)
    throw broken(`There are ${labels.length} "variable_labels" for ${linear_biases.length} variables.`)
  const plain = labels.every((label, k) => label === k)
  return quadraticModel({
    vartype: variable_type === 'SPIN' ? 'spin' : 'binary',
    offset: typeof offset === 'number' ? offset : 0,
    linear: linear_biases,
    couplings,
    ...(plain ? {} : { labels: labels.map((label) => (typeof label === 'string' ? label : JSON.stringify(label))) }),
  })
}

/** `size`: how many variables there are, where something says so. */
function checkNumbers(
  values: readonly number[],
  couplings: readonly (readonly [number, number, number])[],
  size: number | undefined,
  broken: Broken,
): void {
  if (!values.every(Number.isFinite)) throw broken('A coefficient is too large for a number.')
  for (const [k, [i, j, value]] of couplings.entries()) {
    if (!Number.isFinite(value)) throw broken(`The value of coupling ${k} is too large for a number.`)
    for (const index of [i, j]) {
      if (!Number.isInteger(index) || index < 0)
        throw broken(`Coupling ${k} names variable ${index}, which is no whole number from 0 on.`)
      if (index >= (size ?? mostVariables))
        throw broken(`Coupling ${k} names variable ${index} of ${size ?? `at most ${mostVariables}`}.`)
    }
  }
}

const isNumbers = (value: unknown): value is number[] => Array.isArray(value) && value.every((one) => typeof one === 'number')

/** The plain form, as text. */
export function writeJson({ vartype, size, offset, linear, rows, columns, values, labels }: QuadraticModel): string {
  const couplings = Array.from(values, (value, k) => [rows[k], columns[k], value])
  return `${JSON.stringify({ vartype, size, offset, linear: [...linear], couplings, ...(labels ? { labels } : {}) })}\n`
}
