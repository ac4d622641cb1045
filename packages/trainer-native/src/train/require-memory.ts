import { usageError } from '@qt/core'
import { requireQuantisable } from './base.js'
import { type Memory, memoryFor } from './memory.js'
import { chunkOn, type MemoryPlan, mapped } from './plan-memory.js'
import type { PlanChange, Prepared } from './prepare.js'

/**
 * Refuses what the memory cannot hold, with the plan and what would fit. Pages of a mapped base come and go, so that they count
 * against all the memory there is; everything else against what is free.
 */
export function requireMemory(prepared: Prepared, memory: Memory = memoryFor(prepared.config.device, prepared.localSize)): void {
  const { plan } = prepared.step
  if (fits(plan, memory)) return
  const where = prepared.config.device === 'cpu' ? 'this machine' : 'the GPU'
  const parts = plan.parts.map(({ part, bytes }) => `${part} ${bytesText(bytes)}`).join(', ')
  throw usageError(
    'MEMORY_TOO_SMALL',
    `Training takes ${bytesText(plan.total)} (${parts}); ${where} has ${bytesText(memory.all)}, of which ${bytesText(memory.free)} are free.${besideText(plan, memory)}`,
    { where: { field: 'training' }, actions: whatFits(prepared, memory) },
  )
}

const bytesText = (bytes: number): string =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`

const besideText = ({ offloaded }: MemoryPlan, { beside = 0 }: Memory): string =>
  offloaded > 0
    ? ` Off-loading takes ${bytesText(offloaded)} of the machine's memory, of which ${bytesText(beside)} are free.`
    : ''

export const fits = (
  { parts, total, offloaded }: MemoryPlan,
  { all, free, beside = Number.POSITIVE_INFINITY }: Memory,
): boolean => {
  const pages = parts.find(({ part }) => part === mapped)?.bytes ?? 0
  return total <= all && total - pages <= free && offloaded <= beside
}

/** Changes one after the other, from the one that costs least, until it fits. */
function whatFits(prepared: Prepared, memory: Memory): string[] {
  const { config, base } = prepared
  const { batchSize, gradAccumulation } = config.training
  const { plan, options } = prepared.step
  const chunk = chunkOn(config.device)
  // What cannot be cut into shares of a block, or might not be.
  const undivided = config.training.tensorParallel === 1
  const steps: readonly (readonly [boolean, string, PlanChange])[] = [
    [!plan.checkpointing, 'training.checkpointing: true', { checkpointing: true }],
    [
      plan.feedForwardChunk === false && options.maxTokens > chunk,
      `training.feedForwardChunk: ${chunk}`,
      { feedForwardChunk: chunk },
    ],
    [config.device !== 'cpu' && plan.offloaded === 0, 'training.offload: true', { offload: true }],
    [batchSize > 1, `training.batchSize: 1 with gradAccumulation: ${batchSize * gradAccumulation}`, { batchSize: 1 }],
    [undivided && config.training.optimizer === 'adamw', 'training.optimizer: adamw8bit', { optimizer: 'adamw8bit' }],
    [undivided && config.adapter !== undefined && quantisable(prepared), 'quantization: nf4', { quantization: 'nf4' }],
  ]
  const said: string[] = []
  let change: PlanChange = {}
  for (const [possible, name, more] of steps) {
    if (!possible) continue
    change = { ...change, ...more }
    said.push(name)
    const { plan: smaller } = prepared.planned(change)
    if (fits(smaller, memory)) return [`Set ${said.join(', ')}: ${bytesText(smaller.total)}.`]
  }
  const least = said.length === 0 ? plan : prepared.planned(change).plan
  const smaller = base.model
    ? `take a smaller or a quantised base (this one: ${bytesText(least.parts[0]!.bytes)})`
    : 'take a smaller architecture (fewer layers, a smaller dModel or vocabulary)'
  return [
    // A whole model keeps four numbers for each of its own, an adapter hardly any.
    ...(base.model && config.adapter === undefined
      ? ['Train an adapter instead of the whole model: adapter: { kind: lora }.']
      : []),
    `Even ${said.length === 0 ? 'the least' : said.join(', ')} takes ${bytesText(least.total)}: shorten training.sequenceLength, or ${smaller}.`,
  ]
}

function quantisable({ base, config }: Prepared): boolean {
  if (config.quantization !== 'none' || config.baseStorage !== 'packed') return false
  try {
    requireQuantisable(base)
    return base.model !== undefined
  } catch {
    return false
  }
}
