import type { Importance } from '@qt/quantize'
import { calibrationRows, pathFlags } from './calibration.js'
import type { EngineOptions } from './engine-flags.js'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'
import { withModel } from './variants.js'

/** Enough to rank tensors; every row is read once for each of them. */
const usualRows = 2

export interface SensitivityOptions {
  /** A text, or conversations in any form that training reads. */
  readonly path: string
  readonly rows?: number | undefined
  readonly rowSize?: number | undefined
  readonly importance?: Importance | undefined
  readonly engine: EngineOptions
}

/** How far an error of each tensor moves the model's answers on a text: for `planUnder`. */
export async function sensitivityOf(
  input: string,
  { path, rows: most = usualRows, rowSize, importance, engine }: SensitivityOptions,
  io: Io,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const { divergenceWeights } = await need('@qt/quantize', () => import('@qt/quantize'))
  const { divergenceOfRows, remembering } = await need('@qt/eval', () => import('@qt/eval'))
  const options = { ...engine, signal }
  const progress = status(io)
  return withModel(input, options, async (original) => {
    const read = pathFlags([path])
    const { rows } = await calibrationRows({ ...read, rows: most, 'row-size': rowSize }, original, input, io.note, signal)
    const reference = remembering(original.scoring)
    return divergenceWeights(input, {
      importance,
      signal,
      divergence: (file) =>
        withModel(file, options, async ({ scoring }) => (await divergenceOfRows(reference, scoring, rows, { signal })).mean),
      onGroup: (name, done, total) => progress.update(`trying  ${done}/${total} tensors  ${name}`),
    })
  }).finally(() => progress.end())
}
