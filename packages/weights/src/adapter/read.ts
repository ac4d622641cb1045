import { blockTensor, type ModelSpec, type Projection, projectionShape, projections, usageError } from '@qt/core'
import type { TensorEntry } from '../architectures/architecture.js'
import { architectureNamed } from '../architectures/index.js'
import { decodeBlocks } from '../blocks/decode.js'
import { joinPath } from '../io/paths.js'
import { toHuggingFaceName } from '../model/names.js'
import { interleaveRows } from '../model/permute-rows.js'
import { readJsonObject } from '../model/read-json.js'
import { tensorTypeOfDtype } from '../safetensors/dtypes.js'
import { readSafetensors, type Safetensors } from '../safetensors/read.js'
import { type Adapter, type AdapterModule, adapterScale, type SavedModule, savedModules } from './adapter.js'
import { type AdapterConfig, parseAdapterConfig } from './config.js'
import { splitModule } from './shared-tensors.js'

/**
 * Reads a PEFT adapter folder for a model. Rows of `b` come in the order of the model's file.
 *
 * @example
 * ```ts
 * const { spec } = await openModel('base.gguf')
 * const adapter = await readAdapter('adapter/', spec)
 * adapter.modules.get('blk.0.attn_q.weight')?.scale // 2
 * ```
 */
export async function readAdapter(folder: string, spec: ModelSpec): Promise<Adapter> {
  const configFile = joinPath(folder, 'adapter_config.json')
  const config = parseAdapterConfig(await readJsonObject(configFile), configFile)
  const file = await readSafetensors(joinPath(folder, 'adapter_model.safetensors'))
  const modules = new Map<string, AdapterModule>()
  const saved = savedIn(file, spec)
  for (const wanted of config.saved)
    if (![...saved.values()].some((name) => name.endsWith(`.${wanted}.weight`)))
      throw usageError(
        'ADAPTER_UNSUPPORTED',
        `The adapter brings "${wanted}" whole: only embed_tokens and lm_head can be, and must be in the file.`,
        {
          where: { file: configFile, field: 'modules_to_save' },
          actions: ['Merge it into its base with PEFT.'],
        },
      )
  const inSaved = new Set(saved.values())
  for (const [module, parts] of partsOf(file, inSaved))
    for (const [name, read] of await readModule(file, module, parts, config, spec)) modules.set(name, read)
  if (modules.size === 0) throw invalid(file.name, '', 'it holds no lora_A and lora_B tensors')
  const { rank, alpha, dropout, rankStabilised, targets } = config
  const kind = config.dora ? 'dora' : 'lora'
  const adapter = { kind, rank, alpha, dropout, rankStabilised, targets, modules: inOrder(modules, spec) } as const
  if (saved.size === 0) return adapter
  const matrices = new Map<SavedModule, Float32Array>()
  for (const [module, name] of saved) matrices.set(module, await readFloats(file, name, [spec.vocabularySize, spec.dModel]))
  return { ...adapter, saved: matrices }
}

/** The tensors of whole modules, by their canonical names. */
function savedIn(file: Safetensors, spec: ModelSpec): Map<SavedModule, string> {
  const found = new Map<SavedModule, string>()
  for (const module of savedModules) {
    const name = `base_model.model.${toHuggingFaceName(architectureNamed(spec.architecture), module)}`
    if (file.tensors.has(name)) found.set(module, name)
  }
  return found
}

interface Parts {
  a?: string
  b?: string
  magnitude?: string
}

const invalid = (file: string, field: string, what: string) =>
  usageError('ADAPTER_INVALID', `The adapter cannot be used: ${what}.`, {
    where: { file, ...(field === '' ? {} : { field }) },
    actions: ['Restore the folder as PEFT wrote it.'],
  })

/** Tensor names of each module by its path in the Hugging Face model. */
function partsOf(file: Safetensors, others: ReadonlySet<string>): Map<string, Parts> {
  const found = new Map<string, Parts>()
  for (const name of file.tensors.keys()) {
    if (others.has(name)) continue
    const match = /^base_model\.model\.(.+)\.lora_(A\.weight|B\.weight|magnitude_vector(?:\.weight)?)$/.exec(name)
    if (match === null)
      throw usageError('ADAPTER_UNSUPPORTED', `The adapter holds the tensor ${name}, which is not supported yet.`, {
        where: { file: file.name, field: name },
        actions: ['Use an adapter of linear projections (lora_A, lora_B and lora_magnitude_vector), embed_tokens and lm_head.'],
      })
    const [, module = '', part = ''] = match
    const parts = found.get(module) ?? {}
    parts[part.startsWith('A') ? 'a' : part.startsWith('B') ? 'b' : 'magnitude'] = name
    found.set(module, parts)
  }
  return found
}

async function readModule(
  file: Safetensors,
  module: string,
  parts: Parts,
  config: AdapterConfig,
  spec: ModelSpec,
): Promise<[string, AdapterModule][]> {
  if (parts.a === undefined || parts.b === undefined)
    throw invalid(file.name, module, `${module} has only one of lora_A and lora_B`)
  if (config.dora !== (parts.magnitude !== undefined))
    throw invalid(
      file.name,
      module,
      `use_dora is ${config.dora}, but ${module} has ${config.dora ? 'no' : 'a'} lora_magnitude_vector`,
    )
  const [, layer = '', rest] = /^model\.layers\.(0|[1-9]\d*)\.(.+)$/.exec(module) ?? []
  const entry = architectureNamed(spec.architecture).blockTensors.find(({ huggingFace }) => huggingFace === `${rest}.weight`)
  const placed = (entry?.parts ?? (entry ? [entry] : [])).flatMap((one) => projectionOf(one) ?? [])
  if (placed.length === 0)
    throw usageError('ADAPTER_UNSUPPORTED', `The adapter changes ${module}, which is none of a block's linear projections.`, {
      where: { file: file.name, field: module },
      actions: ['Use an adapter of the projections of attention and feed-forward only.'],
    })
  if (Number(layer) >= spec.layers)
    throw mismatch(file.name, `The adapter has ${module}, but the model has only ${spec.layers} layers.`, module)
  const rows = placed.map((projection) => projectionShape(spec, projection)[0])
  const outputs = rows.reduce((sum, count) => sum + count, 0)
  const inputs = projectionShape(spec, placed[0]!)[1]
  const rank = config.rankOf(module)
  const a = await readFloats(file, parts.a, [rank, inputs])
  const b = await readFloats(file, parts.b, [outputs, rank])
  const magnitude = parts.magnitude === undefined ? undefined : await readFloats(file, parts.magnitude, [outputs])
  const alpha = config.alphaOf(module)
  const { rankStabilised } = config
  const whole = { a, b, rank, alpha, scale: adapterScale(rank, alpha, rankStabilised), ...(magnitude && { magnitude }) }
  const split = placed.length === 1 ? [whole] : splitModule(whole, { rows, inputs, rankStabilised })
  return split.flatMap((part, i): [string, AdapterModule][] => {
    if (part === undefined) return []
    const heads = rotaryHeads(spec, placed[i]!)
    const inFileOrder = (values: Float32Array) => (heads === undefined ? values : interleaveRows(values, heads, spec.headDim))
    const lengths = part.magnitude && { magnitude: inFileOrder(part.magnitude) }
    return [[blockTensor(Number(layer), placed[i]!), { ...part, b: inFileOrder(part.b), ...lengths }]]
  })
}

const projectionOf = ({ name }: TensorEntry): Projection | undefined =>
  projections.find((projection) => name === `${projection}.weight`)

async function readFloats(file: Safetensors, name: string, shape: readonly number[]): Promise<Float32Array> {
  const { dtype, shape: found } = file.tensors.get(name)!
  if (found.join() !== shape.join())
    throw mismatch(
      file.name,
      `The adapter does not fit the model: ${name} has the shape [${found.join(', ')}], the model needs [${shape.join(', ')}].`,
      name,
    )
  const type = tensorTypeOfDtype(dtype)
  if (type === undefined) throw invalid(file.name, name, `${name} is stored as ${dtype}`)
  return decodeBlocks(type, await file.read(name))
}

const mismatch = (file: string, message: string, field: string) =>
  usageError('ADAPTER_MISMATCH', message, {
    where: { file, field },
    actions: ['Use the base that the adapter was trained on.', 'Check r and rank_pattern in adapter_config.json.'],
  })

/** The heads whose rows lie interleaved in the model's file, for q and k; undefined where the order is Hugging Face's. */
export function rotaryHeads(spec: ModelSpec, projection: Projection): number | undefined {
  if (spec.rope.layout !== 'interleaved') return undefined
  return projection === 'attn_q' ? spec.heads : projection === 'attn_k' ? spec.kvHeads : undefined
}

/** Layer by layer, projections in their usual order: the same for every file, so that runs are reproducible. */
function inOrder(modules: ReadonlyMap<string, AdapterModule>, spec: ModelSpec): Map<string, AdapterModule> {
  const ordered = new Map<string, AdapterModule>()
  for (let layer = 0; layer < spec.layers; layer++)
    for (const projection of projections) {
      const name = blockTensor(layer, projection)
      const module = modules.get(name)
      if (module) ordered.set(name, module)
    }
  return ordered
}
