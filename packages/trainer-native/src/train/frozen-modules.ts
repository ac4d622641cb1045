import type { NativeTrainer } from '../binding.js'
import type { AdapterPlan } from './adapter-plan.js'

/** Modules of an adapter that take part and learn nothing. */
export interface FrozenModules {
  /** Before an update: what they would learn counts nothing, in the norm of the gradients neither. */
  withoutGradients(): void
  /** After it: what decay took is put back. */
  restore(): void
}

/** By canonical name. */
export const frozenNames = (plan: Pick<AdapterPlan, 'modules'> | undefined): ReadonlySet<string> =>
  new Set(plan?.modules.flatMap(({ name, frozen }) => (frozen ? [name] : [])))

/** With the numbers that they have now; undefined when everything is trained. */
export function frozenModules(trainer: NativeTrainer, plan: AdapterPlan | undefined): FrozenModules | undefined {
  const names = frozenNames(plan)
  if (names.size === 0) return undefined
  const held = trainer
    .tensors()
    .filter(({ module }) => names.has(module))
    .map(({ offset, rows, columns, gradient }) => ({
      offset,
      values: trainer.read('parameters', offset, rows * columns),
      gradient,
    }))
  return {
    withoutGradients() {
      for (const { gradient } of held) trainer.write('gradients', gradient.offset, new Float32Array(gradient.count))
    },
    restore() {
      for (const { offset, values } of held) trainer.write('parameters', offset, values)
    },
  }
}
