import { blockTensor, type ModelSpec, type Projection, projections, usageError } from '@qt/core'
import { architectureNamed, modulePath } from '@qt/weights'

/**
 * rankPattern and alphaPattern as PEFT has them: the first key that is a module's path, or the end of it after a dot. A key that is none
 * is an error, since it would change nothing.
 */
export function modulePattern(
  pattern: Readonly<Record<string, number>> | undefined,
  field: string,
  spec: ModelSpec,
): (layer: number, projection: Projection) => number | undefined {
  const rules = Object.entries(pattern ?? {})
  const pathOf = (layer: number, projection: Projection) =>
    modulePath(architectureNamed(spec.architecture), blockTensor(layer, projection)) ?? ''
  const matches = (key: string, path: string) => path === key || path.endsWith(`.${key}`)
  for (const [key] of rules) {
    const found = Array.from({ length: spec.layers }, (_, layer) =>
      projections.some((projection) => matches(key, pathOf(layer, projection))),
    )
    if (!found.includes(true))
      throw usageError('CONFIG_INVALID', `"${key}" of ${field} is the name of no projection.`, {
        where: { field: `${field}.${key}` },
        actions: ['Use names such as down_proj, or layers.0.self_attn.q_proj for one layer.'],
      })
  }
  return (layer, projection) => rules.find(([key]) => matches(key, pathOf(layer, projection)))?.[1]
}
