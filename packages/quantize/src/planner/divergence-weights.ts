import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QtError, type TensorInfo, type TensorType } from '@qt/core'
import { readWholeGguf } from '@qt/weights'
import { typeForRows } from '../fallback.js'
import { type Importance, importanceWeights } from '../importance/importance.js'
import { isQuantised } from '../mixture/quantised.js'
import { quantize } from '../quantize.js'
import { relativeErrors } from './sensitivity.js'

export interface DivergenceWeightsOptions {
  /** The KL divergence of a file's model from the original, on some text. */
  readonly divergence: (file: string) => Promise<number>
  /** Tensors of one group are tried together and weigh the same: quicker, less exact. Left out: each by itself. */
  readonly groupOf?: ((tensor: string) => string) | undefined
  /** The type that is tried, near those that will be chosen; Q4_K when left out. */
  readonly type?: TensorType | undefined
  readonly importance?: Importance | undefined
  /** Where a copy of the model lives for a moment; the system's folder for such files when left out. */
  readonly folder?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onGroup?: ((name: string, done: number, total: number) => void) | undefined
}

/**
 * What a tensor's relative error does to the model, for `planUnder(…, { weightOf })`: quantises one tensor (or group) after the other,
 * the rest left as it is, and divides the KL divergence by the errors. Small changes of several tensors about add up, and each is about
 * proportional to its squared error (arXiv:2411.17525), so that the planned sum is about the divergence of the whole.
 *
 * @example
 * ```ts
 * import { divergenceOfRows } from '@qt/eval'
 * import { load } from '@qt/trainer-native'
 *
 * const weights = await divergenceWeights('model-f16.gguf', {
 *   async divergence(file) {
 *     const tried = await load(file)
 *     const { mean } = await divergenceOfRows(original.scoring, tried.scoring, [tokenizer.encode(text)])
 *     await tried.close()
 *     return mean
 *   },
 * })
 * const { types } = await planUnder('model-f16.gguf', { bytes: 1.2e9, weightOf: (name) => weights.get(name) ?? 0 })
 * ```
 */
export async function divergenceWeights(input: string, options: DivergenceWeightsOptions): Promise<Map<string, number>> {
  const { divergence, groupOf = (name) => name, type = 'Q4_K', importance, signal, onGroup } = options
  const source = await readWholeGguf(input)
  const groups = new Map<string, TensorInfo[]>()
  const all = [...source.tensors.values()].filter(isQuantised)
  for (const tensor of all) {
    const group = groupOf(tensor.name)
    groups.set(group, [...(groups.get(group) ?? []), tensor])
  }
  const folder = await mkdtemp(join(options.folder ?? tmpdir(), 'qt-weights-'))
  const file = join(folder, 'tried.gguf')
  const found = new Map<string, number>()
  try {
    for (const [group, tensors] of groups) {
      signal?.throwIfAborted()
      let error = 0
      const types = new Map<string, TensorType>()
      for (const { name, shape } of tensors) {
        const columns = shape.at(-1)!
        const tried = typeForRows(type, columns)
        types.set(name, tried)
        const entry = importance?.entries.get(name)
        const matrices = shape.slice(0, -2).reduce((product, size) => product * size, 1)
        const weights = entry && entry.sums.length === matrices * columns ? importanceWeights(entry) : undefined
        const [loss] = await relativeErrors(source, name, [tried], weights)
        error += loss!
      }
      await quantize(input, file, { types, importance, sync: false, signal })
      const moved = await divergence(file)
      if (!Number.isFinite(moved)) throw notFinite(group, input)
      for (const { name } of tensors) found.set(name, error === 0 ? 0 : Math.max(0, moved) / error)
      onGroup?.(group, found.size, all.length)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return found
}

const notFinite = (group: string, file: string) =>
  new QtError({
    code: 'MODEL_NOT_FINITE',
    message: `The divergence of the model with ${group} quantised is infinite or not a number.`,
    where: { file, field: group },
    actions: ['Check the model: qt check.', 'Try a more precise type, such as Q6_K.'],
  })
