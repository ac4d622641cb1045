import { type ModelSpec, projectionShape, projections, QtError } from '@qt/core'
import { architectureNamed } from '../architectures/index.js'
import { encodeFloats } from '../blocks/encode.js'
import { joinPath } from '../io/paths.js'
import { writeFolder } from '../io/write-folder.js'
import { modulePath, toHuggingFaceName } from '../model/names.js'
import { separateRows } from '../model/permute-rows.js'
import { type SafetensorsTensor, writeSafetensors } from '../safetensors/write.js'
import type { Adapter, AdapterModule, SavedModule } from './adapter.js'
import { rotaryHeads } from './read.js'
import { type FileModule, fileModules } from './shared-tensors.js'

/**
 * Writes an adapter as a folder that PEFT loads: float32, rows in Hugging Face's order, whole or not at all.
 *
 * @example
 * ```ts
 * const { spec } = await openModel('base.gguf')
 * const adapter = await readAdapter('adapter/', spec)
 * await writeAdapter('out/adapter', adapter, spec, { baseName: 'HuggingFaceTB/SmolLM2-135M-Instruct' })
 * ```
 */
export async function writeAdapter(
  folder: string,
  adapter: Adapter,
  spec: ModelSpec,
  options: { baseName?: string | undefined } = {},
): Promise<void> {
  for (const [name, module] of adapter.modules) requireSizes(name, module, spec)
  const modules = fileModules(adapter.modules, spec, adapter.rankStabilised)
  const config = adapterConfig(adapter, modules, spec, options.baseName)
  const tensors = modules.flatMap((module) => moduleTensors(module, spec))
  for (const [name, values] of adapter.saved ?? []) {
    const shape = [spec.vocabularySize, spec.dModel]
    if (values.length !== spec.vocabularySize * spec.dModel) throw broken(`${name} has ${values.length} numbers.`)
    tensors.push({
      name: `base_model.model.${savedPath(name, spec)}.weight`,
      dtype: 'F32',
      shape,
      data: encodeFloats('F32', values),
    })
  }
  tensors.sort((a, b) => (a.name < b.name ? -1 : 1))
  const { writeFileAtomic } = await import('@qt/core/node')
  await writeFolder(folder, async (temporary) => {
    await writeSafetensors(joinPath(temporary, 'adapter_model.safetensors'), tensors)
    await writeFileAtomic(joinPath(temporary, 'adapter_config.json'), `${JSON.stringify(config, null, 2)}\n`)
  })
}

const broken = (message: string) => new QtError({ code: 'ADAPTER_INVALID', message })

function requireSizes(name: string, { a, b, rank, magnitude }: AdapterModule, spec: ModelSpec): void {
  const projection = projections.find((candidate) => name.endsWith(`.${candidate}.weight`))
  if (projection === undefined || modulePath(architectureNamed(spec.architecture), name) === undefined)
    throw broken(`An adapter cannot be written for ${name}.`)
  const [outputs, inputs] = projectionShape(spec, projection)
  if (a.length !== rank * inputs || b.length !== outputs * rank)
    throw broken(
      `${name} has ${a.length} and ${b.length} numbers where [${rank}, ${inputs}] and [${outputs}, ${rank}] were expected.`,
    )
  if (magnitude && magnitude.length !== outputs)
    throw broken(`${name} has ${magnitude.length} magnitudes for ${outputs} outputs.`)
}

/** model.embed_tokens, lm_head */
const savedPath = (name: SavedModule, spec: ModelSpec): string =>
  toHuggingFaceName(architectureNamed(spec.architecture), name)!.replace(/\.weight$/, '')

function moduleTensors({ path, projections: parts, outputs, inputs, module }: FileModule, spec: ModelSpec): SafetensorsTensor[] {
  const { a, b, rank, magnitude } = module
  // Rows that a file has in another order are never those of a tensor that several share.
  const projection = projections.find((candidate) => parts.length === 1 && parts[0]!.endsWith(`.${candidate}.weight`))
  const heads = projection && rotaryHeads(spec, projection)
  const inPeftOrder = (rows: Float32Array) => (heads === undefined ? rows : separateRows(rows, heads, spec.headDim))
  const prefix = `base_model.model.${path}`
  return [
    { name: `${prefix}.lora_A.weight`, dtype: 'F32', shape: [rank, inputs], data: encodeFloats('F32', a) },
    { name: `${prefix}.lora_B.weight`, dtype: 'F32', shape: [outputs, rank], data: encodeFloats('F32', inPeftOrder(b)) },
    ...(magnitude
      ? [
          {
            name: `${prefix}.lora_magnitude_vector`,
            dtype: 'F32' as const,
            shape: [outputs],
            data: encodeFloats('F32', inPeftOrder(magnitude)),
          },
        ]
      : []),
  ]
}

/** adapter_config.json as PEFT 0.21 writes it; what differs from the defaults of `r` and `lora_alpha` goes into patterns. */
function adapterConfig(adapter: Adapter, modules: readonly FileModule[], spec: ModelSpec, baseName: string | undefined) {
  const { rank, alpha, dropout, rankStabilised } = adapter
  const different = (of: (module: AdapterModule) => number, usual: number) =>
    Object.fromEntries(modules.filter(({ module }) => of(module) !== usual).map(({ path, module }) => [path, of(module)]))
  return {
    alora_invocation_tokens: null,
    alpha_pattern: different((module) => module.alpha, alpha),
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: baseName ?? null,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: alpha,
    lora_bias: false,
    lora_dropout: dropout,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: adapter.saved ? [...adapter.saved.keys()].map((name) => savedPath(name, spec).split('.').at(-1)) : null,
    peft_type: 'LORA',
    qalora_group_size: 16,
    r: rank,
    rank_pattern: different((module) => module.rank, rank),
    revision: null,
    target_modules: targetModules(modules, spec),
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_dora: adapter.kind === 'dora',
    use_qalora: false,
    use_rslora: rankStabilised,
  }
}

/** Plain names (q_proj) when they mean exactly these modules, else full paths. */
function targetModules(modules: readonly FileModule[], spec: ModelSpec): string[] {
  const names = [...new Set(modules.map(({ path }) => path.split('.').at(-1)!))].sort()
  return names.length * spec.layers === modules.length ? names : modules.map(({ path }) => path)
}
