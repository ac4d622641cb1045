import { specForLength, usageError } from '@qt/core'
import type { Model } from '@qt/weights'
import { binding, type CacheType, forcedKernels, type NativeSession, threadCount } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'
import { gpuPlace } from '../gpu.js'
import { tensorSources } from '../train/base.js'

interface Options {
  readonly contextLength: number
  readonly fast: boolean
  readonly cache: CacheType
  readonly parallel: number
  readonly threads: number | undefined
  readonly device: string | undefined
}

/** A session, and how many caches beside those of requests it has room for. */
export interface OpenedSession {
  readonly session: NativeSession
  readonly ownCaches: number
}

/** A session on the device that is asked for. A GPU's memory is planned for all that `parallel` requests may need, and one cache more. */
export function openSession(
  model: Model,
  { contextLength, fast, cache, parallel, threads, device = 'cpu' }: Options,
): OpenedSession {
  const place = gpuPlace(device, (other) => `Compute elsewhere: --device ${other}.`)
  const native = binding()
  const opened = new native.Model(specForLength(model.spec, contextLength), tensorSources(model), 'packed')
  const arithmetic = { contextLength, bf16: fast, dots: fast }
  if (!place)
    return {
      session: new native.Session(opened, arithmetic, threadCount(threads), forcedKernels()),
      ownCaches: Number.POSITIVE_INFINITY,
    }
  try {
    const gpu = { ...place, sequences: parallel, cache }
    return { session: new native.Session(opened, arithmetic, threadCount(threads), forcedKernels(), gpu), ownCaches: 1 }
  } catch (cause) {
    throw refused(model.name, device, cause)
  }
}

/** A GPU that will not do, in words; anything else is what it is. */
function refused(name: string, device: string, cause: unknown): unknown {
  const said = isOutOfMemory(cause)
    ? cause.message
    : cause instanceof Error
      ? /^GPU \d+ cannot be used: (.*)$/s.exec(cause.message)?.[1]
      : undefined
  if (said === undefined) return cause
  const smaller =
    'Ask for a shorter context (--context-length), a smaller cache (--kv-cache int8), or take a more strongly quantised file.'
  return usageError('GPU_REFUSED', `${name} cannot be opened on ${device}: ${said}.`, {
    where: { field: 'device' },
    actions: [...(said.includes('memory') ? [smaller] : []), 'Compute on the processor: --device cpu.'],
    cause,
  })
}
