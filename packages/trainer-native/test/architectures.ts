import { readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ModelSpec } from '@qt/core'
import { type Architecture, encodeFloats, specFromConfig, type TensorEntry, writeSafetensors } from '@qt/weights'
import { fixture, readJson } from './support.js'

/** Norm, and Σ ±g[i] under four patterns of signs. */
export type Digest = readonly [norm: number, ...sums: number[]]

export interface Results {
  readonly loss: number
  /** Of the first row, at position 20 and the last. */
  readonly logits: readonly (readonly number[])[]
  readonly gradients: Readonly<Record<string, Digest>>
}

export interface ArchitectureFixture {
  readonly config: Readonly<Record<string, unknown>>
  readonly full: Results
  readonly lora: Results
}

const suffix = '.json'

export const architectureNames: readonly string[] = readdirSync(fixture('architectures'))
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))

export const readArchitecture = (name: string) => readJson<ArchitectureFixture>(fixture('architectures', name + suffix))

export const vocabulary = 96
export const length = 40

/** FNV-1a of a tensor's name. */
function seedOf(name: string): number {
  let hash = 2166136261
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 16777619)
  return hash >>> 0
}

/** As `hashed` of fixtures/make_architectures.py. */
export function hashed(name: string, count: number): Uint32Array {
  const seed = seedOf(name)
  return Uint32Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + seed) >>> 0
    x ^= x >>> 15
    x = Math.imul(x, 2246822519)
    x ^= x >>> 13
    x = Math.imul(x, 3266489917)
    return x ^ (x >>> 16)
  })
}

/** As `numbers` there: the weights of a tensor by its name. */
export function numbers(name: string, count: number, modelType: string): Float32Array<ArrayBuffer> {
  const worth = (whole: number): number => {
    if (name.includes('norm')) return Math.floor(whole / 4) / 128 + (modelType.startsWith('gemma') ? 0 : 1)
    if (name.includes('lora_')) return whole / 1024
    if (name.endsWith('.bias')) return whole / 256
    return whole / 512
  }
  return Float32Array.from(hashed(name, count), (bits) => worth((bits >>> 24) - 128))
}

/** As `digest` there. */
export function digest(name: string, gradient: Float32Array): Digest {
  const bits = hashed(`${name}#`, gradient.length)
  const sums = [0, 1, 2, 3].map((k) => gradient.reduce((sum, g, i) => sum + (((bits[i]! >>> (7 + k)) & 1) === 1 ? g : -g), 0))
  return [Math.hypot(...gradient), ...sums]
}

export function batch() {
  const rows = [0, 1].map((i) => [...hashed(`row ${i}`, length)].map((bits) => (bits % (vocabulary - 3)) + 3))
  const labels = rows.map((row, i) => row.map((id, j) => ((i + j) % 7 === 0 ? -100 : id)))
  return {
    ids: Int32Array.from(rows.flat()),
    labels: Int32Array.from(labels.flatMap((row) => [...row.slice(1), -100])),
    borders: Int32Array.of(0, length, 2 * length),
  }
}

/** Every tensor of a model under Hugging Face's name, with its entry and layer. */
export function* tensorsOf(
  architecture: Architecture,
  layers: number,
): Generator<{ name: string; entry: TensorEntry; layer: number }> {
  for (const entry of architecture.tensors) yield { name: entry.huggingFace, entry, layer: -1 }
  for (let layer = 0; layer < layers; layer++)
    for (const entry of architecture.blockTensors) yield { name: `model.layers.${layer}.${entry.huggingFace}`, entry, layer }
}

/** What the sizes of tensors' shapes are. */
const sizesOf = (spec: ModelSpec): Readonly<Record<TensorEntry['shape'][number], number>> => ({
  vocabulary: spec.vocabularySize,
  model: spec.dModel,
  attention: spec.heads * spec.headDim,
  keys: spec.kvHeads * spec.headDim,
  ffn: spec.ffn,
  headDim: spec.headDim,
  queriesKeysValues: (spec.heads + 2 * spec.kvHeads) * spec.headDim,
  gateAndUp: 2 * spec.ffn,
})

/** Writes the Hugging Face folder of a fixture. */
export async function writeArchitecture(folder: string, { config }: ArchitectureFixture): Promise<void> {
  const { architecture, spec } = specFromConfig(config)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  const sizes = sizesOf(spec)
  const tensors = [...tensorsOf(architecture, spec.layers)].filter(({ entry }) => !(entry.tied && spec.tiedEmbeddings))
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    tensors.map(({ name, entry }) => {
      const shape = entry.shape.map((size) => sizes[size])
      const count = shape.reduce((product, size) => product * size, 1)
      return { name, dtype: 'F32', shape, data: encodeFloats('F32', numbers(name, count, String(config.model_type))) }
    }),
  )
}

/** As make_architectures.py: of every adapter there. */
const fixtureRank = 4
const fixtureAlpha = 8

/** Writes the adapter that PEFT had for a fixture, on all linear projections, as it writes it. */
export async function writePeftAdapter(folder: string, { config, lora }: ArchitectureFixture): Promise<void> {
  const { architecture, spec } = specFromConfig(config)
  const sizes = sizesOf(spec)
  const entries = new Map([...tensorsOf(architecture, spec.layers)].map(({ name, entry }) => [name, entry]))
  const tensors = Object.keys(lora.gradients).map((name) => {
    const [, module, side] = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name)!
    const [outputs, inputs] = entries.get(`${module}.weight`)!.shape.map((size) => sizes[size])
    const shape = side === 'A' ? [fixtureRank, inputs!] : [outputs!, fixtureRank]
    const values = numbers(name, shape[0]! * shape[1]!, String(config.model_type))
    return { name, dtype: 'F32' as const, shape, data: encodeFloats('F32', values) }
  })
  await mkdir(folder, { recursive: true })
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors)
  const settings = { peft_type: 'LORA', r: fixtureRank, lora_alpha: fixtureAlpha, target_modules: 'all-linear' }
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(settings))
}
