import { QtError, type TensorType, usageError } from '@qt/core'
import type { Gguf } from '@qt/weights'
import { buildPlan, type PlacedPlan } from './build-plan.js'
import { type FileType, fileTypeNames, fileTypes } from './mixture/file-types.js'
import type { PlanOptions } from './plan-options.js'
import { quantMethods } from './registry.js'

/** What people choose among, best first; the last ones need an importance matrix. */
const ladder: readonly FileType[] = [
  'Q8_0',
  'Q6_K',
  'Q5_K_M',
  'Q5_K_S',
  'Q4_K_M',
  'Q4_K_S',
  'IQ4_XS',
  'Q3_K_L',
  'Q3_K_M',
  'Q3_K_S',
  'Q2_K',
  'Q2_K_S',
  'IQ2_M',
  'IQ2_S',
  'IQ2_XS',
  'IQ2_XXS',
  'IQ1_M',
  'IQ1_S',
]

/** The best type of the ladder whose file fits; BF16 stays BF16, everything else may become F16. */
export function largestUnder(source: Gguf, file: string, maxBytes: number, options: PlanOptions): PlacedPlan {
  const brain = [...source.tensors.values()].some(({ type }) => type === 'BF16')
  let least: PlacedPlan | undefined
  for (const type of [brain ? 'BF16' : 'F16', ...ladder] as const) {
    if (!quantMethods.some((method) => method.type === fileTypes[type].base)) continue
    const plan = possible(() => buildPlan(source, file, type, options))
    if (
      plan === undefined ||
      plan.tensors.some(({ from, to }) => from !== to && !quantMethods.some((method) => method.type === to))
    )
      continue
    if (plan.fileBytes <= maxBytes) return plan
    if (least === undefined || plan.fileBytes < least.fileBytes) least = plan
  }
  throw usageError(
    'QUANT_SIZE',
    `No type makes this file as small as ${maxBytes} bytes; the smallest reachable size is ${least?.fileBytes}, as ${least?.type}.`,
    { where: { file }, actions: [`Allow ${least?.fileBytes} bytes.`, 'Begin with a smaller model.'] },
  )
}

/** Types that need an importance matrix that is not there are left out. */
function possible(make: () => PlacedPlan): PlacedPlan | undefined {
  try {
    return make()
  } catch (error) {
    if (QtError.isInstance(error) && error.code === 'QUANT_IMPORTANCE_MISSING') return undefined
    throw error
  }
}

/** The file type to name a file by whose tensors were chosen one by one. */
export function mostCommon(types: ReadonlyMap<string, TensorType>): FileType {
  const counts = new Map<TensorType, number>()
  for (const type of types.values()) counts.set(type, (counts.get(type) ?? 0) + 1)
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a)[0] ?? ['F16']
  return fileTypeNames.find((name) => fileTypes[name].base === most) ?? 'F16'
}
