import {
  adapterDefaults,
  blockTensor,
  type ModelSpec,
  type Projection,
  projectionShape,
  projections,
  type TrainingConfig,
  usageError,
} from '@qt/core'
import { type Adapter, type AdapterModule, adapterScale, readAdapter } from '@qt/weights'
import type { NativeTrainer, Role } from '../binding.js'

type AdapterConfig = NonNullable<TrainingConfig['adapter']>

/** An adapter before its numbers: where it sits, with which rank and scale. */
export interface AdapterPlan {
  readonly rank: number
  readonly alpha: number
  readonly dropout: number
  readonly rankStabilised: boolean
  readonly targets: readonly string[]
  readonly modules: readonly { name: string; layer: number; projection: number; rank: number; alpha: number; scale: number }[]
  /** Read from `init`; undefined for a new adapter. */
  readonly start: Adapter | undefined
}

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
  if (config.init !== undefined) return fromFolder(config, await readAdapter(config.init, spec), spec)
  const {
    rank = adapterDefaults.rank,
    alpha = adapterDefaults.alpha,
    dropout = adapterDefaults.dropout,
    rankStabilised = adapterDefaults.rankStabilised,
    targets: wanted = adapterDefaults.targets,
  } = config
  const chosen = chosenProjections(wanted)
  const scale = adapterScale(rank, alpha, rankStabilised)
  const modules = Array.from({ length: spec.layers }, (_, layer) =>
    projections
      .filter((projection) => chosen.includes(projection))
      .map((projection) => placed(layer, projection, { rank, alpha, scale })),
  ).flat()
  const names = Object.keys(peftNames).filter((name) => chosen.includes(peftNames[name]!))
  return { rank, alpha, dropout, rankStabilised, targets: names, modules, start: undefined }
}

/** The projections that `targets` names, by PEFT's names or GGUF's. */
function chosenProjections(targets: NonNullable<AdapterConfig['targets']>): Projection[] {
  const names = targets === 'all-linear' ? Object.keys(peftNames) : targets
  return names.map((target) => {
    const projection = peftNames[target] ?? projections.find((name) => name === target)
    if (projection === undefined)
      throw usageError('CONFIG_INVALID', `"${target}" is no projection that an adapter can sit on.`, {
        where: { field: 'adapter.targets' },
        actions: [`Choose among ${Object.keys(peftNames).join(', ')}, or write all-linear.`],
      })
    return projection
  })
}

const placed = (layer: number, projection: Projection, size: { rank: number; alpha: number; scale: number }) => ({
  name: blockTensor(layer, projection),
  layer,
  projection: projections.indexOf(projection),
  ...size,
})

/** `init` decides kind, rank, alpha, scaling and targets; a key of the configuration that says otherwise is an error. */
function fromFolder(config: AdapterConfig, start: Adapter, spec: ModelSpec): AdapterPlan {
  for (const key of ['rank', 'alpha', 'rankStabilised'] as const)
    if (config[key] !== undefined && config[key] !== start[key])
      throw usageError('CONFIG_CONTRADICTION', `adapter.${key} is ${config[key]}, but the adapter of "init" has ${start[key]}.`, {
        where: { field: `adapter.${key}` },
        actions: [`Remove "${key}": it follows from adapter.init.`],
      })
  const modules = [...start.modules].map(([name, module]) => {
    const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name)!
    return placed(Number(layer), projections.find((projection) => projection === part)!, module)
  })
  const dropout = config.dropout ?? start.dropout
  const { rank, alpha, rankStabilised, targets } = start
  // PEFT may list whole paths where the configuration has names, so what they select is compared.
  const wanted = config.targets && chosenProjections(config.targets)
  const selected = (layer: number, name: Projection) => wanted?.includes(name) === start.modules.has(blockTensor(layer, name))
  if (
    wanted &&
    !Array.from({ length: spec.layers }, (_, layer) => projections.every((name) => selected(layer, name))).every(Boolean)
  )
    throw usageError('CONFIG_CONTRADICTION', 'adapter.targets selects other projections than the adapter of "init" has.', {
      where: { field: 'adapter.targets' },
      actions: ['Remove "targets": it follows from adapter.init.'],
    })
  return { rank, alpha, dropout, rankStabilised, targets, modules, start }
}

/** Fills in the numbers: of `init`, or new ones as PEFT's (A Kaiming-uniform, B zero, so that nothing changes at first). */
export function startAdapter(trainer: NativeTrainer, plan: AdapterPlan, seed: number): void {
  for (const [index, tensor] of trainer.tensors().entries()) {
    const start = plan.start?.modules.get(tensor.module)
    if (start) trainer.write('parameters', tensor.offset, tensor.role === 'lora_a' ? start.a : start.b)
    else if (tensor.role === 'lora_a')
      trainer.initialise('parameters', tensor.offset, tensor.rows * tensor.columns, {
        kind: 'uniform',
        size: 1 / Math.sqrt(tensor.columns),
        seed,
        stream: index,
      })
  }
}

/** The adapter as it stands in the trainer. */
export function trainedAdapter(trainer: NativeTrainer, plan: AdapterPlan, spec: ModelSpec): Adapter {
  const tensors = trainer.tensors()
  const modules = new Map<string, AdapterModule>()
  for (const { name, projection, rank, alpha, scale } of plan.modules) {
    const read = (role: Role) => {
      const { offset, rows, columns } = tensors.find((tensor) => tensor.module === name && tensor.role === role)!
      return trainer.read('parameters', offset, rows * columns)
    }
    const a = read('lora_a')
    if (a.length !== rank * projectionShape(spec, projections[projection]!)[1])
      throw new RangeError(`${name} has an unexpected size`)
    modules.set(name, { a, b: read('lora_b'), rank, alpha, scale })
  }
  const { rank, alpha, dropout, rankStabilised, targets } = plan
  return { kind: 'lora', rank, alpha, dropout, rankStabilised, targets, modules }
}
