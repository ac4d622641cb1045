import { usageError } from '@qt/core'
import type { Setting, Settings } from './recipe.js'

/** Which parameter, for which tensor, how far through its slice (0 to 1). */
export interface Asked {
  readonly name: keyof Settings
  /** Hugging Face's name of the tensor, which filters look at. */
  readonly tensor: string
  readonly t: number
}

/**
 * The first of several places that has a parameter, as mergekit reads them: lists of numbers are a gradient over the layers of a
 * slice, filters are parts of the tensor's name.
 */
export function settingOf(asked: Asked, places: readonly (Settings | undefined)[]): number | boolean | undefined {
  for (const place of places) {
    const value = place?.[asked.name]
    const found = value === undefined ? undefined : evaluate(value, asked)
    if (found !== undefined) return found
  }
  return undefined
}

export function numberOf(asked: Asked, places: readonly (Settings | undefined)[], otherwise?: number): number {
  const value = settingOf(asked, places) ?? otherwise
  if (typeof value === 'number') return value
  throw usageError(
    'MERGE_RECIPE',
    value === undefined ? `The recipe gives no ${asked.name} for ${asked.tensor}.` : `${asked.name} must be a number.`,
    {
      where: { field: asked.name },
      actions: [`Add parameters: { ${asked.name}: … } to the models, or to the whole.`],
    },
  )
}

function evaluate(setting: Setting, { name, tensor, t }: Asked): number | boolean | undefined {
  if (typeof setting === 'number' || typeof setting === 'boolean') return setting
  for (const one of setting) {
    if (typeof one === 'number') continue
    if (one.filter === undefined || one.filter === '*' || tensor.includes(one.filter))
      return evaluate(one.value, { name, tensor, t })
  }
  const points = setting.filter((one) => typeof one === 'number')
  if (points.length === 0) return undefined
  const scaled = t * (points.length - 1)
  const low = Math.trunc(scaled)
  const high = Math.min(points.length - 1, low + 1)
  return (1 - (scaled - low)) * points[low]! + (scaled - low) * points[high]!
}
