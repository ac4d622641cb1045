import { type Nf4Scales, usageError } from '@qt/core'
import type { ShardedTensor } from '../safetensors/read-sharded.js'
import { refuse } from './refuse.js'

/** What the sixteen codes stand for. */
export const nf4Levels = [
  -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
].map(Math.fround)

/** Numbers that share a scale. */
export const nf4Group = 64

/** Whether `quantization_config` is bitsandbytes' NF4, the only one that is read. */
export function isNf4(config: unknown): boolean {
  if (typeof config !== 'object' || config === null) return false
  const { quant_method, load_in_4bit, bnb_4bit_quant_type }: Record<string, unknown> = { ...config }
  return quant_method === 'bitsandbytes' && load_in_4bit === true && bnb_4bit_quant_type === 'nf4'
}

/** What lies beside a quantised weight: its scales, tables, and their description. */
export const isQuantState = (name: string): boolean =>
  /\.weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.bitsandbytes__\w+)$/.test(name)

export interface Nf4Tensor {
  readonly shape: readonly number[]
  readonly nf4: Nf4Scales
}

/** The shape and scales of a weight that bitsandbytes has quantised, or undefined when it has not. */
export async function nf4Tensor(name: string, tensors: ReadonlyMap<string, ShardedTensor>): Promise<Nf4Tensor | undefined> {
  const stateName = ['nf4', 'fp4'].map((type) => `${name}.quant_state.bitsandbytes__${type}`).find((key) => tensors.has(key))
  if (stateName === undefined) return undefined
  const { file } = tensors.get(stateName)!
  const broken = (what: string) =>
    usageError('MODEL_INVALID', `The quantised weight ${name} cannot be read: ${what}.`, {
      where: { file: file.name, field: name },
      actions: ['Download or export the model again.'],
    })
  const state = parse(new TextDecoder().decode(await file.read(stateName)))
  if (state === undefined) throw broken('its description is not JSON')
  if (state.quant_type !== 'nf4') throw refuse(file.name, stateName, state.quant_type)
  if (state.blocksize !== nf4Group) throw refuse(file.name, `${stateName}.blocksize`, state.blocksize)
  const { shape } = state
  if (!Array.isArray(shape) || shape.length !== 2 || !shape.every((size) => Number.isSafeInteger(size) && size > 0))
    throw broken('it has no shape of two sizes')
  if (shape[1] % nf4Group !== 0) throw refuse(file.name, name, shape, `has rows of other than whole blocks of ${nf4Group}`)
  const count = shape[0] * shape[1]
  const place = (part: string, dtype: string, length: number): number => {
    const found = tensors.get(`${name}.${part}`)
    const entry = found?.file.tensors.get(`${name}.${part}`)
    if (found === undefined || entry === undefined || found.file.name !== file.name) throw broken(`${part} is not beside it`)
    if (entry.dtype !== dtype || entry.shape.reduce((product, size) => product * size, 1) !== length)
      throw broken(`${part} is not ${length} numbers of type ${dtype}`)
    return entry.offset
  }
  place('quant_map', 'F32', nf4Levels.length)
  const map = new Float32Array((await file.read(`${name}.quant_map`)).slice().buffer)
  if (!map.every((value, i) => value === nf4Levels[i])) throw refuse(file.name, `${name}.quant_map`, [...map])
  const scaleCount = Math.ceil(count / nf4Group)
  const nested = tensors.has(`${name}.nested_absmax`)
  if (!nested) return { shape, nf4: { file: file.name, scales: place('absmax', 'F32', scaleCount) } }
  const { nested_blocksize: block, nested_offset: offset } = state
  if (typeof block !== 'number' || !(block > 0) || typeof offset !== 'number') throw broken('its scales are not described')
  return {
    shape,
    nf4: {
      file: file.name,
      scales: place('absmax', 'U8', scaleCount),
      nested: {
        scales: place('nested_absmax', 'F32', Math.ceil(scaleCount / block)),
        table: place('nested_quant_map', 'F32', 256),
        block,
        offset,
      },
    },
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}
