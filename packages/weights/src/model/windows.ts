import type { WindowRule } from '../architectures/architecture.js'

/** The window of each layer, or undefined when every layer sees everything before it. */
export function layerWindows(
  rule: WindowRule,
  layers: number,
  window: number | null,
  { fullEvery, from = 0 }: { fullEvery?: number | undefined; from?: number } = {},
): (number | null)[] | undefined {
  if (rule === 'none' || window === null) return undefined
  const every = typeof rule === 'object' ? (fullEvery ?? rule.fullEvery) : undefined
  const windows = Array.from({ length: layers }, (_, layer) => {
    const seesAll = every === undefined ? rule === 'late' && layer < from : (layer + 1) % every === 0
    return seesAll ? null : window
  })
  return windows.some((size) => size !== null) ? windows : undefined
}

/** The same of a GGUF file: which layers they are follows from the architecture alone. */
export const ggufWindows = (rule: WindowRule, layers: number, window: number | null) =>
  rule === 'late' ? undefined : layerWindows(rule, layers, window)
