import { blockTensor, type ModelSpec, type Projection, projectionShape, projections, usageError } from '@qt/core'
import { architectureNamed } from '../architectures/index.js'
import { decodeBlocks } from '../blocks/decode.js'
import { joinPath } from '../io/paths.js'
import { toGgufName } from '../model/names.js'
import { interleaveRows } from '../model/permute-rows.js'
import { readJsonObject } from '../model/read-json.js'
import { tensorTypeOfDtype } from '../safetensors/dtypes.js'
import { readSafetensors, type Safetensors } from '../safetensors/read.js'
import { type Adapter, type AdapterModule, adapterScale } from './adapter.js'
import { type AdapterConfig, parseAdapterConfig } from './config.js'

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
  for (const [module, pair] of pairs(file)) modules.set(...(await readModule(file, module, pair, config, spec)))
  if (modules.size === 0) throw invalid(file.name, '', 'it holds no lora_A and lora_B tensors')
  const { rank, alpha, dropout, rankStabilised, targets } = config
  return { kind: 'lora', rank, alpha, dropout, rankStabilised, targets, modules: inOrder(modules, spec) }
}

interface Pair {
  a?: string
  b?: string
}

const invalid = (file: string, field: string, what: string) =>
  usageError('ADAPTER_INVALID', `The adapter cannot be used: ${what}.`, {
    where: { file, ...(field === '' ? {} : { field }) },
    actions: ['Restore the folder as PEFT wrote it.'],
  })

/** Tensor names of each module by its path in the Hugging Face model. */
function pairs(file: Safetensors): Map<string, Pair> {
  const found = new Map<string, Pair>()
  for (const name of file.tensors.keys()) {
    const match = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/.exec(name)
    if (match === null)
      throw usageError('ADAPTER_UNSUPPORTED', `The adapter holds the tensor ${name}, which is not supported yet.`, {
        where: { file: file.name, field: name },
        actions: ['Use an adapter of linear projections only (lora_A and lora_B).'],
      })
    const [, module = '', side] = match
    const pair = found.get(module) ?? {}
    pair[side === 'A' ? 'a' : 'b'] = name
    found.set(module, pair)
  }
  return found
}

async function readModule(
  file: Safetensors,
  module: string,
  pair: Pair,
  config: AdapterConfig,
  spec: ModelSpec,
): Promise<[string, AdapterModule]> {
  if (pair.a === undefined || pair.b === undefined)
    throw invalid(file.name, module, `${module} has only one of lora_A and lora_B`)
  const name = toGgufName(architectureNamed(spec.architecture), `${module}.weight`)
  const [, layer = '', part = ''] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name ?? '') ?? []
  const projection = projections.find((candidate) => candidate === part)
  if (name === undefined || projection === undefined)
    throw usageError('ADAPTER_UNSUPPORTED', `The adapter changes ${module}, which is none of a block's linear projections.`, {
      where: { file: file.name, field: module },
      actions: ['Use an adapter of the projections of attention and feed-forward only.'],
    })
  if (Number(layer) >= spec.layers)
    throw mismatch(file.name, `The adapter has ${module}, but the model has only ${spec.layers} layers.`, module)
  const [outputs, inputs] = projectionShape(spec, projection)
  const rank = config.rankOf(module)
  const a = await readFloats(file, pair.a, [rank, inputs])
  const b = await readFloats(file, pair.b, [outputs, rank])
  const heads = rotaryHeads(spec, projection)
  const alpha = config.alphaOf(module)
  const scale = adapterScale(rank, alpha, config.rankStabilised)
  return [name, { a, b: heads === undefined ? b : interleaveRows(b, heads, spec.headDim), rank, alpha, scale }]
}

async function readFloats(file: Safetensors, name: string, shape: readonly [number, number]): Promise<Float32Array> {
  const { dtype, shape: found } = file.tensors.get(name)!
  if (found.length !== 2 || found[0] !== shape[0] || found[1] !== shape[1])
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
