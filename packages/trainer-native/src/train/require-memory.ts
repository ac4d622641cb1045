import { totalmem } from 'node:os'
import { usageError } from '@qt/core'
import { gpuPlace, gpus } from '../gpu.js'
import { requireQuantisable } from './base.js'
import type { MemoryPlan } from './plan-memory.js'
import type { PlanChange, Prepared } from './prepare.js'

/** Memory of the machine, or of the group that the process may use, and what is free of it. */
export interface Memory {
  readonly all: number
  readonly free: number
}

/** Of the GPU that a run asks for everything is needed at once: nothing there is mapped. */
function memoryFor({ config, localSize }: Prepared): Memory {
  const place = gpuPlace(config.device)
  if (!place) return memoryHere(localSize)
  const found = gpus()
  const free = found.state === 'usable' ? (found.devices[place.index]?.free ?? 0) : 0
  return { all: free, free }
}

const memoryHere = (localSize: number): Memory => {
  const limit = process.constrainedMemory()
  const all = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return { all, free: Math.min(all, process.availableMemory()) / localSize }
}

/**
 * Refuses what the memory cannot hold, with the plan and what would fit. Pages of a mapped base come and go, so that they count
 * against all the memory there is; everything else against what is free.
 */
export function requireMemory(prepared: Prepared, memory: Memory = memoryFor(prepared)): void {
  const { plan } = prepared.step
  if (fits(plan, memory)) return
  const where = prepared.config.device === 'cpu' ? 'this machine' : 'the GPU'
  const parts = plan.parts.map(({ part, bytes }) => `${part} ${bytesText(bytes)}`).join(', ')
  throw usageError(
    'MEMORY_TOO_SMALL',
    `Training takes ${bytesText(plan.total)} (${parts}); ${where} has ${bytesText(memory.all)}, of which ${bytesText(memory.free)} are free.`,
    { where: { field: 'training' }, actions: whatFits(prepared, memory) },
  )
}

const bytesText = (bytes: number): string =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`

const fits = ({ parts, total }: MemoryPlan, { all, free }: Memory): boolean => {
  const mapped = parts.find(({ part }) => part === 'base weights (mapped file)')?.bytes ?? 0
  return total <= all && total - mapped <= free
}

/** Changes one after the other, from the one that costs least, until it fits. */
function whatFits(prepared: Prepared, memory: Memory): string[] {
  const { config, base } = prepared
  const { batchSize, gradAccumulation } = config.training
  const steps: readonly (readonly [boolean, string, PlanChange])[] = [
    [!prepared.step.plan.checkpointing, 'training.checkpointing: true', { checkpointing: true }],
    [batchSize > 1, `training.batchSize: 1 with gradAccumulation: ${batchSize * gradAccumulation}`, { batchSize: 1 }],
    [config.training.optimizer === 'adamw', 'training.optimizer: adamw8bit', { optimizer: 'adamw8bit' }],
    [config.adapter !== undefined && quantisable(prepared), 'quantization: nf4', { quantization: 'nf4' }],
  ]
  const said: string[] = []
  let change: PlanChange = {}
  for (const [possible, name, more] of steps) {
    if (!possible) continue
    change = { ...change, ...more }
    said.push(name)
    const { plan } = prepared.planned(change)
    if (fits(plan, memory)) return [`Set ${said.join(', ')}: ${bytesText(plan.total)}.`]
  }
  const least = said.length === 0 ? prepared.step.plan : prepared.planned(change).plan
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
