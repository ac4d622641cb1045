import type { QuadraticModel, Vartype } from '../quadratic.js'
import { checkedSize, collectEntries, fileError, type Source } from './entries.js'
import { modelOfEntries, tooLarge } from './numbered.js'

const magic = new TextEncoder().encode('DIMODBQM')
const decoder = new TextDecoder()

export const isBqmFile = (bytes: Uint8Array): boolean => magic.every((byte, k) => bytes[k] === byte)

/**
 * D-Wave's binary file, version 2, little-endian: a JSON header, the offset, for each variable where its neighbours begin and its bias,
 * for each neighbour (both directions) its number and bias, and a section VARS with the labels when they are not 0 … n−1.
 * https://docs.dwavequantum.com, "dimod.binary.BinaryQuadraticModel.to_file".
 */
export function readBqmFile(source: Source): QuadraticModel {
  const { bytes } = source
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const broken = (message: string) => fileError(source, undefined, message, 'Write it again with dimod: bqm.to_file().')
  if (bytes.length < 14) throw broken('The file ends in its header.')
  if (bytes[8] !== 2) throw broken(`The file has version ${bytes[8]}.${bytes[9]} of the format; 2.0 is read.`)
  const headerEnd = 14 + view.getUint32(10, true)
  if (headerEnd > bytes.length) throw broken('The file ends in its header.')
  const header = jsonObject(decoder.decode(bytes.subarray(14, headerEnd)), broken)
  const [size, couplings] = Array.isArray(header.shape) ? header.shape.map(Number) : []
  const [indexBytes, biasBytes, startBytes] = [widthOf(header.itype), widthOf(header.dtype), widthOf(header.ntype)]
  if (
    size === undefined ||
    couplings === undefined ||
    !indexBytes ||
    !biasBytes ||
    !startBytes ||
    typeof header.vartype !== 'string'
  )
    throw broken('The header does not say sizes and types.')
  const vartype: Vartype = header.vartype === 'SPIN' ? 'spin' : 'binary'

  const float = (at: number) => (biasBytes === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true))
  const whole = (at: number, width: number) =>
    width === 8 ? Number(view.getBigUint64(at, true)) : width === 4 ? view.getUint32(at, true) : view.getUint16(at, true)
  const linearAt = headerEnd + biasBytes
  const neighboursAt = linearAt + size * (startBytes + biasBytes)
  checkedSize(source, undefined, size)
  const labelsAt = neighboursAt + 2 * couplings * (indexBytes + biasBytes)
  if (labelsAt > bytes.length) throw broken(`The file ends before its ${size} variables and ${couplings} couplings.`)
  const linear = new Float64Array(size)
  const entries = collectEntries(couplings)
  for (let i = 0; i < size; i++) {
    const record = linearAt + i * (startBytes + biasBytes)
    linear[i] = float(record + startBytes)
    const from = whole(record, startBytes)
    const to = i + 1 < size ? whole(record + startBytes + biasBytes, startBytes) : 2 * couplings
    if (from > to || to > 2 * couplings) throw broken(`The neighbours of variable ${i} lie outside the file.`)
    for (let k = from; k < to; k++) {
      const place = neighboursAt + k * (indexBytes + biasBytes)
      const j = whole(place, indexBytes)
      if (j >= size) throw tooLarge(source, 0, j, size)
      if (i < j) entries.add(i, j, float(place + indexBytes), 0)
    }
  }
  const model = modelOfEntries(entries.done(), size, vartype)
  const labels = header.variables === true ? labelsOf(bytes.subarray(labelsAt), size) : undefined
  if (header.variables === true && !labels) throw broken('The labels are missing.')
  const offset = float(headerEnd)
  if (!Number.isFinite(offset) || !linear.every(Number.isFinite) || !model.values.every(Number.isFinite))
    throw broken('A bias is no finite number.')
  return { ...model, linear, offset, labels }
}

function jsonObject(text: string, broken: (message: string) => Error): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed }
  } catch {
    // Said below.
  }
  throw broken('The header is no JSON object.')
}

const widthOf = (type: unknown): number | undefined => {
  const bits = typeof type === 'string' ? Number(/\d+$/.exec(type)?.[0]) : Number.NaN
  return [16, 32, 64].includes(bits) ? bits / 8 : undefined
}

function labelsOf(section: Uint8Array, size: number): string[] | undefined {
  if (decoder.decode(section.subarray(0, 4)) !== 'VARS' || section.length < 8) return undefined
  const length = new DataView(section.buffer, section.byteOffset).getUint32(4, true)
  try {
    const labels: unknown = JSON.parse(decoder.decode(section.subarray(8, 8 + length)))
    return Array.isArray(labels) && labels.length === size
      ? labels.map((label) => (typeof label === 'string' ? label : JSON.stringify(label)))
      : undefined
  } catch {
    return undefined
  }
}
