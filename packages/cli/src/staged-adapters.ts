import { join } from 'node:path'
import type { TrainingConfig } from '@qt/core'
import type { StageSettings, TrainedModule } from '@qt/quantum/decisions'
import type { ModuleGradients } from '@qt/trainer-native'
import { need } from './need.js'
import type { StageState } from './staged-training.js'

type AdapterConfig = NonNullable<TrainingConfig['adapter']>

export interface StagedAdapters {
  /** What is measured of each module before a stage. */
  modules(state: StageState): Promise<TrainedModule[]>
  /** The adapter that a stage begins with; `place` is a folder that it may write. */
  begin(from: StageState, settings: Pick<StageSettings, 'frozen' | 'ranks'>, place: string): Promise<AdapterConfig>
}

export interface StagedAdaptersInput {
  readonly config: TrainingConfig
  readonly adapter: AdapterConfig
  /** Examples that gradients are measured on. */
  readonly sample: string
  readonly folder: string
  readonly moveRanks: boolean
  readonly signal: AbortSignal
}

/** Gradients of the adapter before each stage, and what is decided by them: frozen modules, and ranks that move. */
export async function stagedAdapters(input: StagedAdaptersInput): Promise<StagedAdapters> {
  const { config, adapter, sample, folder, moveRanks, signal } = input
  const { adapterGradients } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const { openModel, readAdapter, resizeAdapter, writeAdapter } = await need('@qt/weights', () => import('@qt/weights'))
  const base = config.base!
  const { spec } = await openModel(base)
  const data = { ...config.data, path: sample, validation: 0 }
  const measure = (of: AdapterConfig) => adapterGradients({ ...config, data, adapter: of, output: folder }, { signal })
  const known = new Map<string, ModuleGradients>()

  /** The folder of an adapter with other ranks, by canonical name. */
  async function resized(path: string, ranks: ReadonlyMap<string, number>, place: string): Promise<string> {
    const whole = await readAdapter(path, spec)
    await writeAdapter(place, resizeAdapter(whole, spec, { ranks, seed: config.training.seed }), spec, { baseName: base })
    return place
  }
  /** A new adapter with these ranks, by path; each keeps the scale it would have had. */
  const withRanks = (ranks: ReadonlyMap<string, number>): AdapterConfig => {
    const patterns = [...known.values()].map(({ path, rank: usual, scale }) => {
      const rank = ranks.get(path) ?? usual
      return { path, rank, alpha: scale * (adapter.rankStabilised ? Math.sqrt(rank) : rank) }
    })
    return {
      ...adapter,
      rankPattern: Object.fromEntries(patterns.map(({ path, rank }) => [path, rank])),
      alphaPattern: Object.fromEntries(patterns.map(({ path, alpha }) => [path, alpha])),
    }
  }
  /** What decides how a stage goes on with an adapter of the one before; the rest follows from its folder. */
  const goingOn = (init: string): AdapterConfig => ({
    init,
    // What PiSSA saves is a plain adapter.
    kind: adapter.kind === 'pissa' ? 'lora' : adapter.kind,
    loraPlusRatio: adapter.loraPlusRatio,
    dropout: adapter.dropout,
  })

  return {
    async modules(state) {
      const now = await measure(state.adapter === undefined ? adapter : goingOn(state.adapter))
      for (const module of now) known.set(module.path, module)
      const norm = ({ directions }: ModuleGradients) => Math.hypot(...directions.map((one) => one.norm))
      const plain = now.map((module) => ({
        name: module.path,
        parameters: sizeOf(module, module.rank),
        gradientNorm: norm(module),
      }))
      if (!moveRanks) return plain
      const twice = new Map(now.map(({ name, rank, inputs, outputs }) => [name, Math.min(2 * rank, inputs, outputs)]))
      const wide =
        state.adapter === undefined
          ? await measure(withRanks(new Map(now.map(({ name, path }) => [path, twice.get(name)!]))))
          : await measure(goingOn(await resized(state.adapter, twice, join(folder, 'twice-the-rank'))))
      const { optimizationFrequency, learningRate, steps = optimizationFrequency } = config.training
      const travel = learningRate * Math.min(steps, optimizationFrequency)
      return plain.map((module, m) => ({ ...module, rank: now[m]!.rank, ranks: ranksOf(now[m]!.rank, wide[m]!, travel) }))
    },
    async begin(from, { frozen, ranks }, place) {
      const names = [...(adapter.frozen ?? []), ...frozen]
      const held = names.length === 0 ? {} : { frozen: names }
      if (from.adapter === undefined) return { ...(ranks.size === 0 ? adapter : withRanks(ranks)), ...held }
      if (ranks.size === 0) return { ...goingOn(from.adapter), ...held }
      const byName = new Map([...ranks].map(([path, rank]) => [known.get(path)!.name, rank]))
      return { ...goingOn(await resized(from.adapter, byName, place)), ...held }
    },
  }
}

const sizeOf = ({ inputs, outputs }: ModuleGradients, rank: number): number => rank * (inputs + outputs)

/**
 * Half the rank, the rank, and twice the rank. A direction gains what its absence would cost, and what it can still learn: an
 * adaptive optimiser moves each number by at most about `travel` in a stage, the sum of its learning rates.
 */
function ranksOf(rank: number, wide: ModuleGradients, travel: number): NonNullable<TrainedModule['ranks']> {
  const gains = wide.directions.map(({ worth, slope }) => worth + travel * slope)
  const ranks = [...new Set([Math.max(1, Math.floor(rank / 2)), rank, wide.rank])]
  return ranks.map((one) => ({
    rank: one,
    parameters: sizeOf(wide, one),
    gain: gains.slice(0, one).reduce((sum, gain) => sum + gain, 0),
  }))
}
