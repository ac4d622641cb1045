import type { ModelSpec } from '@qt/core'
import { projectionShape, projections } from '@qt/core'
import { type Adapter, type AdapterModule, savedModules } from '@qt/weights'
import type { NativeTrainer, Role } from '../binding.js'
import type { AdapterPlan } from './adapter-plan.js'
import type { FinalNumbers } from './final-numbers.js'
import { partOf } from './tensor-part.js'

/** Which factor of a module a role holds. */
const factor = { lora_a: 'a', lora_b: 'b', magnitude: 'magnitude' } as const

/**
 * Fills in the numbers: of `init`, or new ones as PEFT's (A Kaiming-uniform, B zero, so that nothing changes at first; PiSSA's the largest
 * singular directions of their weights, which are taken away from those).
 */
export async function startAdapter(
  trainer: NativeTrainer,
  plan: AdapterPlan,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [index, tensor] of trainer.tensors().entries()) {
    const { role, module, offset, whole } = tensor
    // What is trained whole has begun as the base's, unless `init` brings it.
    const start =
      role === 'weight'
        ? plan.start?.saved?.get(savedModules.find((name) => name === module)!)
        : plan.start?.modules.get(module)?.[factor[role]]
    if (start) trainer.write('parameters', offset, partOf(start, tensor))
    else if (role === 'lora_a') {
      const size = 1 / Math.sqrt(whole.columns)
      trainer.initialise(index, { kind: 'uniform', size, seed, stream: index })
    }
  }
  if (plan.start !== undefined) return
  if (plan.kind === 'dora') trainer.startMagnitudes()
  if (trainer.origins().length > 0 && !(await trainer.startPrincipal())) throw signal?.reason
}

/** The adapter as it stands in the trainer. */
export function trainedAdapter(trainer: NativeTrainer, plan: AdapterPlan, spec: ModelSpec, numbers: FinalNumbers): Adapter {
  const tensors = new Map(trainer.tensors().map((tensor) => [`${tensor.module} ${tensor.role}`, tensor]))
  const origins = new Map(trainer.origins().map((tensor) => [`${tensor.module} ${tensor.role}`, tensor]))
  const modules = new Map<string, AdapterModule>()
  for (const { name, projection, rank, alpha, scale, magnitude, origin } of plan.modules) {
    const read = (role: Role) => numbers.of(tensors.get(`${name} ${role}`)!)
    const a = read('lora_a')
    if (a.length !== rank * projectionShape(spec, projections[projection]!)[1])
      throw new RangeError(`${name} has an unexpected size`)
    const factors = { a, b: read('lora_b'), rank, alpha, scale }
    const began = (role: Role) => numbers.origin(origins.get(`${name} ${role}`)!)
    if (origin) modules.set(name, asLora(factors, { a: began('lora_a'), b: began('lora_b') }, plan.rankStabilised))
    else modules.set(name, magnitude ? { ...factors, magnitude: read('magnitude') } : factors)
  }
  const { kind, dropout, rankStabilised, targets } = plan
  const { rank, alpha } = plan.principal ? doubled(plan, rankStabilised) : plan
  const adapter = { kind, rank, alpha, dropout, rankStabilised, targets, modules }
  if (plan.saved.length === 0) return adapter
  return { ...adapter, saved: new Map(plan.saved.map((name) => [name, numbers.of(tensors.get(`${name} weight`)!)])) }
}

/** Rank and alpha of twice as many directions at the same scale. */
const doubled = ({ rank, alpha }: { rank: number; alpha: number }, rankStabilised: boolean) => ({
  rank: 2 * rank,
  alpha: alpha * (rankStabilised ? Math.SQRT2 : 2),
})

/** What PiSSA has learned as plain LoRA of twice the rank, for the base as it is: s·B·A − s·B₀·A₀ = s·[B, −B₀]·[A; A₀]. */
function asLora(
  { a, b, rank, alpha, scale }: AdapterModule,
  began: Pick<AdapterModule, 'a' | 'b'>,
  rankStabilised: boolean,
): AdapterModule {
  const both = new Float32Array(2 * a.length)
  both.set(a)
  both.set(began.a, a.length)
  const side = Float32Array.from({ length: 2 * b.length }, (_, i) => {
    const [row, k] = [Math.floor(i / (2 * rank)), i % (2 * rank)]
    return k < rank ? b[row * rank + k]! : -began.b[row * rank + k - rank]!
  })
  return { a: both, b: side, scale, ...doubled({ rank, alpha }, rankStabilised) }
}
