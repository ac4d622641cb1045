import {
  adapterDefaults,
  blockTensor,
  type ModelSpec,
  type Projection,
  projections,
  type TrainingConfig,
  usageError,
} from '@qt/core'
import { type Adapter, adapterScale, architectureNamed, readAdapter, type SavedModule, savedModules } from '@qt/weights'
import { modulePattern } from './module-pattern.js'

type AdapterConfig = NonNullable<TrainingConfig['adapter']>

/** An adapter before its numbers: where it sits, with which rank and scale. */
export interface AdapterPlan {
  readonly kind: Adapter['kind']
  readonly rank: number
  readonly alpha: number
  readonly dropout: number
  readonly rankStabilised: boolean
  readonly targets: readonly string[]
  readonly modules: readonly PlacedModule[]
  /** PiSSA: it begins as the largest singular directions of the weights. */
  readonly principal: boolean
  /** Trained whole beside the adapter. */
  readonly saved: readonly SavedModule[]
  /** Read from `init`; undefined for a new adapter. */
  readonly start: Adapter | undefined
}

interface PlacedModule {
  readonly name: string
  readonly layer: number
  readonly projection: number
  readonly rank: number
  readonly alpha: number
  readonly scale: number
  readonly magnitude: boolean
  readonly origin: boolean
  /** It takes part as it is, and learns nothing. */
  readonly frozen?: true
}

/** PEFT's names of what is trained whole. */
const peftSaved = { 'token_embd.weight': 'embed_tokens', 'output.weight': 'lm_head' } as const

/** PEFT's names of the projections. */
const peftNames: Readonly<Record<string, Projection>> = {
  q_proj: 'attn_q',
  k_proj: 'attn_k',
  v_proj: 'attn_v',
  o_proj: 'attn_output',
  gate_proj: 'ffn_gate',
  up_proj: 'ffn_up',
  down_proj: 'ffn_down',
}

export async function planAdapter(config: AdapterConfig, spec: ModelSpec): Promise<AdapterPlan> {
  const plan = config.init === undefined ? fresh(config, spec) : fromFolder(config, await readAdapter(config.init, spec), spec)
  if (config.frozen === undefined) return plan
  const isFrozen = modulePattern(Object.fromEntries(config.frozen.map((name) => [name, 1])), 'adapter.frozen', spec)
  const modules = plan.modules.map(
    (module): PlacedModule => (isFrozen(module.layer, projections[module.projection]!) ? { ...module, frozen: true } : module),
  )
  if (plan.saved.length > 0 || modules.some(({ frozen }) => !frozen)) return { ...plan, modules }
  throw usageError('CONFIG_CONTRADICTION', 'adapter.frozen names every module of the adapter: nothing would be trained.', {
    where: { field: 'adapter.frozen' },
    actions: ['Leave some of them out.'],
  })
}

/** A new adapter. */
function fresh(config: AdapterConfig, spec: ModelSpec): AdapterPlan {
  const {
    rank = adapterDefaults.rank,
    alpha = adapterDefaults.alpha,
    dropout = adapterDefaults.dropout,
    rankStabilised = adapterDefaults.rankStabilised,
    targets: wanted = adapterDefaults.targets,
  } = config
  const chosen = chosenProjections(wanted, spec)
  const kind = config.kind === 'dora' ? 'dora' : 'lora'
  if (kind === 'dora') requireWholeTensors(chosen, spec)
  const principal = config.kind === 'pissa'
  const ranks = modulePattern(config.rankPattern, 'adapter.rankPattern', spec)
  const alphas = modulePattern(config.alphaPattern, 'adapter.alphaPattern', spec)
  const modules = Array.from({ length: spec.layers }, (_, layer) =>
    projections
      .filter((projection) => chosen.includes(projection))
      .map((projection) => {
        const own = { rank: ranks(layer, projection) ?? rank, alpha: alphas(layer, projection) ?? alpha }
        const scale = adapterScale(own.rank, own.alpha, rankStabilised)
        return placed(layer, projection, { ...own, scale, magnitude: kind === 'dora', origin: principal })
      }),
  ).flat()
  const names = Object.keys(peftNames).filter((name) => chosen.includes(peftNames[name]!))
  const saved = savedModules.filter((name) => config.modulesToSave?.includes(peftSaved[name]))
  return { kind, rank, alpha, dropout, rankStabilised, targets: names, modules, principal, saved, start: undefined }
}

/** The projections that `targets` names, by PEFT's names or GGUF's. */
function chosenProjections(targets: NonNullable<AdapterConfig['targets']>, spec: ModelSpec): Projection[] {
  const names = targets === 'all-linear' ? Object.keys(peftNames) : targets
  const shared = sharedTensors(spec)
  return names.flatMap((target) => {
    const projection = peftNames[target] ?? projections.find((name) => name === target)
    const several = shared.find(({ name }) => name === target)?.of
    if (projection === undefined && several === undefined)
      throw usageError('CONFIG_INVALID', `"${target}" is no projection that an adapter can sit on.`, {
        where: { field: 'adapter.targets' },
        actions: [
          `Choose among ${[...Object.keys(peftNames), ...shared.map(({ name }) => name)].join(', ')}, or write all-linear.`,
        ],
      })
    return several ?? projection ?? []
  })
}

/** Tensors in which several projections lie, as PEFT calls them (Phi-3's qkv_proj). */
const sharedTensors = (spec: ModelSpec): { name: string; of: Projection[] }[] =>
  architectureNamed(spec.architecture).blockTensors.flatMap(({ huggingFace, parts }) =>
    parts
      ? [
          {
            name: huggingFace.split('.').at(-2)!,
            of: projections.filter((projection) => parts.some(({ name }) => name === `${projection}.weight`)),
          },
        ]
      : [],
  )

/** PEFT has one magnitude for each row of a tensor, and those of rows without an adapter would have to be known. */
function requireWholeTensors(chosen: readonly Projection[], spec: ModelSpec): void {
  for (const { name, of } of sharedTensors(spec)) {
    const count = of.filter((projection) => chosen.includes(projection)).length
    if (count > 0 && count < of.length)
      throw usageError('ADAPTER_UNSUPPORTED', `DoRA on a part of ${name} could not be saved for PEFT: it is one tensor there.`, {
        where: { field: 'adapter.targets' },
        actions: [`Write ${name} among the targets, or none of its projections.`, 'Or train LoRA, which may have any of them.'],
      })
  }
}

const placed = (
  layer: number,
  projection: Projection,
  size: Pick<PlacedModule, 'rank' | 'alpha' | 'scale' | 'magnitude' | 'origin'>,
): PlacedModule => ({
  name: blockTensor(layer, projection),
  layer,
  projection: projections.indexOf(projection),
  ...size,
})

/** `init` decides kind, rank, alpha, scaling and targets; a key of the configuration that says otherwise is an error. */
function fromFolder(config: AdapterConfig, start: Adapter, spec: ModelSpec): AdapterPlan {
  if (config.kind === 'pissa')
    throw usageError(
      'CONFIG_CONTRADICTION',
      'PiSSA begins from the weights of the base; "init" says that it begins from an adapter.',
      {
        where: { field: 'adapter.kind' },
        actions: ['Remove "kind": what PiSSA has saved goes on as plain LoRA.', 'Or remove "init" to begin anew.'],
      },
    )
  for (const key of ['rank', 'alpha', 'rankStabilised'] as const)
    if (config[key] !== undefined && config[key] !== start[key])
      throw usageError('CONFIG_CONTRADICTION', `adapter.${key} is ${config[key]}, but the adapter of "init" has ${start[key]}.`, {
        where: { field: `adapter.${key}` },
        actions: [`Remove "${key}": it follows from adapter.init.`],
      })
  if (config.kind !== undefined && (config.kind === 'dora') !== (start.kind === 'dora'))
    throw usageError('CONFIG_CONTRADICTION', `adapter.kind is ${config.kind}, but the adapter of "init" is ${start.kind}.`, {
      where: { field: 'adapter.kind' },
      actions: ['Remove "kind": it follows from adapter.init.'],
    })
  for (const key of ['rankPattern', 'alphaPattern', 'modulesToSave'] as const)
    if (config[key] !== undefined)
      throw usageError('CONFIG_CONTRADICTION', `adapter.${key} is given, but the adapter of "init" decides it.`, {
        where: { field: `adapter.${key}` },
        actions: [`Remove "${key}": it follows from adapter.init.`],
      })
  const modules = [...start.modules].map(([name, module]) => {
    const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name)!
    const { rank, alpha, scale, magnitude } = module
    const size = { rank, alpha, scale, magnitude: magnitude !== undefined, origin: false }
    return placed(Number(layer), projections.find((projection) => projection === part)!, size)
  })
  const dropout = config.dropout ?? start.dropout
  const { kind, rank, alpha, rankStabilised, targets } = start
  // PEFT may list whole paths where the configuration has names, so what they select is compared.
  const wanted = config.targets && chosenProjections(config.targets, spec)
  const selected = (layer: number, name: Projection) => wanted?.includes(name) === start.modules.has(blockTensor(layer, name))
  if (
    wanted &&
    !Array.from({ length: spec.layers }, (_, layer) => projections.every((name) => selected(layer, name))).every(Boolean)
  )
    throw usageError('CONFIG_CONTRADICTION', 'adapter.targets selects other projections than the adapter of "init" has.', {
      where: { field: 'adapter.targets' },
      actions: ['Remove "targets": it follows from adapter.init.'],
    })
  const saved = [...(start.saved?.keys() ?? [])]
  return { kind, rank, alpha, dropout, rankStabilised, targets, modules, principal: false, saved, start }
}
