import { QtError, specForLength, usageError } from '@qt/core'
import type { Model } from '@qt/weights'
import { binding, type CacheType, forcedKernels, type NativeSession, threadCount } from '../binding.js'
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
  if (!/^(cpu|cuda(:\d+)?)$/.test(device))
    throw usageError('GENERATE_OPTION', `device cannot be ${device}.`, {
      where: { field: 'device' },
      actions: ['Give cpu, cuda or cuda:1, say.'],
    })
  const place = gpuPlace(device)
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
    if (!(cause instanceof Error)) throw cause
    throw new QtError({
      code: 'GPU_REFUSED',
      message: `${model.name} cannot be opened on the GPU: ${cause.message}.`,
      where: { field: 'device' },
      actions: [
        'Ask for a shorter context (--context-length), a smaller cache (--kv-cache int8), or take a more strongly quantised file.',
        'Set device: cpu.',
      ],
      cause,
    })
  }
}
