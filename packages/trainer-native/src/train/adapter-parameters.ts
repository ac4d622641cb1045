import type { ModelSpec } from '@qt/core'
import { projectionShape, projections } from '@qt/core'
import type { Adapter, AdapterModule } from '@qt/weights'
import type { NativeTrainer, Role } from '../binding.js'
import type { AdapterPlan } from './adapter-plan.js'
import { finalNumbers } from './final-numbers.js'

/** Which factor of a module a role holds. */
const factor = { lora_a: 'a', lora_b: 'b', magnitude: 'magnitude' } as const

/** Fills in the numbers: of `init`, or new ones as PEFT's (A Kaiming-uniform, B zero, so that nothing changes at first). */
export function startAdapter(trainer: NativeTrainer, plan: AdapterPlan, seed: number): void {
  for (const [index, { role, module, offset, rows, columns }] of trainer.tensors().entries()) {
    if (role === 'weight') continue
    const start = plan.start?.modules.get(module)?.[factor[role]]
    if (start) trainer.write('parameters', offset, start)
    else if (role === 'lora_a') {
      const size = 1 / Math.sqrt(columns)
      trainer.initialise('parameters', offset, rows * columns, { kind: 'uniform', size, seed, stream: index })
    }
  }
  if (plan.start === undefined && plan.kind === 'dora') trainer.startMagnitudes()
}

/** The adapter as it stands in the trainer. */
export function trainedAdapter(trainer: NativeTrainer, plan: AdapterPlan, spec: ModelSpec): Adapter {
  const tensors = new Map(trainer.tensors().map((tensor) => [`${tensor.module} ${tensor.role}`, tensor]))
  const modules = new Map<string, AdapterModule>()
  for (const { name, projection, rank, alpha, scale, magnitude } of plan.modules) {
    const read = (role: Role) => finalNumbers(trainer, tensors.get(`${name} ${role}`)!)
    const a = read('lora_a')
    if (a.length !== rank * projectionShape(spec, projections[projection]!)[1])
      throw new RangeError(`${name} has an unexpected size`)
    const factors = { a, b: read('lora_b'), rank, alpha, scale }
    modules.set(name, magnitude ? { ...factors, magnitude: read('magnitude') } : factors)
  }
  const { kind, rank, alpha, dropout, rankStabilised, targets } = plan
  return { kind, rank, alpha, dropout, rankStabilised, targets, modules }
}
