import { metadataNumber, metadataString } from '../gguf/metadata.js'
import type { Gguf } from '../gguf/read.js'
import { shortestFloat32 } from './numbers.js'
import { badSetting, refuse } from './refuse.js'
import { type RopeScaling, yarnAttentionFactor } from './rope.js'

/** What a GGUF says of its rope: settings, divisors of each pair (Llama 3), or two lists of divisors (Phi-3). */
export async function ropeScalingOfGguf(gguf: Gguf, name: string, dimensions: number): Promise<RopeScaling> {
  const { metadata, name: file } = gguf
  const key = `${name}.rope.scaling.type`
  const kind = metadataString(metadata, key) ?? (metadata.has(`${name}.rope.scale_linear`) ? 'linear' : 'none')
  const number = (rest: string): number | undefined => {
    const value = metadataNumber(metadata, `${name}.rope.scaling.${rest}`)
    return value === undefined ? undefined : shortestFloat32(value)
  }
  const factor = number('factor') ?? metadataNumber(metadata, `${name}.rope.scale_linear`) ?? 1
  if (!(factor > 0)) throw badSetting(file, `${name}.rope.scaling.factor`, `is ${factor}`)
  const divisors = await divisorsIn(gguf, 'rope_freqs.weight', dimensions)
  const short = await divisorsIn(gguf, 'rope_factors_short.weight', dimensions)
  const long = await divisorsIn(gguf, 'rope_factors_long.weight', dimensions)
  if (short !== undefined && long !== undefined) {
    const originalContext = number('original_context_length')
    if (originalContext === undefined) throw badSetting(file, `${name}.rope.scaling.original_context_length`, 'is missing')
    return { kind: 'longrope', short, long, originalContext, attentionFactor: number('attn_factor') ?? 1 }
  }
  if (kind === 'yarn' && divisors === undefined) {
    const originalContext = number('original_context_length') ?? metadataNumber(metadata, `${name}.context_length`) ?? 0
    // llama.cpp multiplies YaRN's own factor by this one.
    const attentionFactor = yarnAttentionFactor(factor) * (number('attn_factor') ?? number('yarn_attn_factor') ?? 1)
    const [betaFast, betaSlow] = [number('yarn_beta_fast') ?? 32, number('yarn_beta_slow') ?? 1]
    return { kind: 'yarn', factor, originalContext, betaFast, betaSlow, attentionFactor, truncate: true }
  }
  if (kind !== 'none' && kind !== 'linear') throw refuse(file, key, kind)
  if (kind === 'linear' && factor !== 1) {
    if (divisors !== undefined) throw refuse(file, key, kind, 'comes together with rope_freqs.weight')
    return { kind: 'linear', factor }
  }
  return divisors === undefined ? { kind: 'none' } : { kind: 'divisors', divisors }
}

async function divisorsIn(gguf: Gguf, tensor: string, dimensions: number): Promise<number[] | undefined> {
  const info = gguf.tensors.get(tensor)
  if (info === undefined) return undefined
  if (info.type !== 'F32' || info.shape.length !== 1 || info.shape[0] !== dimensions / 2)
    throw badSetting(gguf.name, tensor, `is not ${dimensions / 2} float32 numbers`)
  const bytes = await gguf.read(tensor)
  const divisors = [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))]
  if (divisors.some((divisor) => !(divisor > 0))) throw badSetting(gguf.name, tensor, 'holds a number that is not positive')
  return divisors
}
