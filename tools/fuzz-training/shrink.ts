import type { Job } from './job.js'

/** Smaller jobs than this one, each by one thing. */
export function* smaller(job: Job): Generator<Job> {
  const { config, rows, model } = job
  const { training, adapter } = config
  const needed = ['batchSize', 'gradAccumulation', 'sequenceLength', 'validateEvery', 'saveEvery']
  for (const key of Object.keys(config) as (keyof typeof config)[])
    if (key !== 'training' && key !== 'architecture') yield { ...job, config: without(config, key) }
  for (const key of Object.keys(training) as (keyof typeof training)[])
    if (!needed.includes(key)) yield { ...job, config: { ...config, training: without(training, key) } }
  if (adapter)
    for (const key of Object.keys(adapter) as (keyof typeof adapter)[])
      yield { ...job, config: { ...config, adapter: without(adapter, key) } }
  if (model) {
    if (model.file !== 'folder') yield { ...job, model: { ...model, file: 'folder' } }
    for (const key of Object.keys(model.change)) yield { ...job, model: { ...model, change: without(model.change, key) } }
    if (model.architecture !== 'llama') yield { ...job, model: { ...model, architecture: 'llama' } }
  }
  const steps = training.steps
  if (steps !== undefined && steps > 1) yield { ...job, config: { ...config, training: { ...training, steps: steps - 1 } } }
  if (training.batchSize > 1) yield { ...job, config: { ...config, training: { ...training, batchSize: 1 } } }
  for (const key of ['validateEvery', 'saveEvery'] as const)
    if (training[key] !== 50) yield { ...job, config: { ...config, training: { ...training, [key]: 50 } } }
  for (const count of [1, Math.floor(rows.count / 2), rows.count - 1])
    if (count > 0 && count < rows.count) yield { ...job, rows: { ...rows, count } }
  if (rows.labels !== 'all') yield { ...job, rows: { ...rows, labels: 'all' } }
  for (const [i, { ways, alike }] of job.comparisons.entries())
    for (const [side, way] of ways.entries())
      for (const key of Object.keys(way) as (keyof typeof way)[]) {
        if (key === 'processes') continue
        const less = without(way, key)
        const changed = side === 0 ? ([less, ways[1]] as const) : ([ways[0], less] as const)
        yield { ...job, comparisons: job.comparisons.with(i, { ways: changed, alike }) }
      }
}

function without<Item extends object>(item: Item, key: keyof Item): Item {
  const { [key]: _, ...rest } = item
  // What is left out is optional wherever this is called.
  return rest as Item
}
