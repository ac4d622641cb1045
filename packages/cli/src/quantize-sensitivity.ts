import type { Importance } from '@qt/quantize'
import { calibrationRows, pathFlags } from './calibration.js'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'

/** Enough to rank tensors; every row is read once for each of them. */
const usualRows = 2

export interface SensitivityOptions {
  /** A text, or conversations in any form that training reads. */
  readonly path: string
  readonly rows?: number | undefined
  readonly rowSize?: number | undefined
  readonly importance?: Importance | undefined
  readonly threads?: number | undefined
}

/** How far an error of each tensor moves the model's answers on a text: for `planUnder`. */
export async function sensitivityOf(
  input: string,
  { path, rows: most = usualRows, rowSize, importance, threads }: SensitivityOptions,
  io: Io,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const { divergenceWeights } = await need('@qt/quantize', () => import('@qt/quantize'))
  const { divergenceOfRows, remembering } = await need('@qt/eval', () => import('@qt/eval'))
  const { load } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const options = { signal, ...(threads === undefined ? {} : { threads }) }
  const original = await load(input, options)
  const progress = status(io)
  try {
    const read = pathFlags([path])
    const { rows } = await calibrationRows({ ...read, rows: most, 'row-size': rowSize }, original, input, io.note, signal)
    const reference = remembering(original.scoring)
    return await divergenceWeights(input, {
      importance,
      signal,
      async divergence(file) {
        const tried = await load(file, options)
        try {
          return (await divergenceOfRows(reference, tried.scoring, rows, { signal })).mean
        } finally {
          await tried.close()
        }
      },
      onGroup: (name, done, total) => progress.update(`trying  ${done}/${total} tensors  ${name}`),
    })
  } finally {
    progress.end()
    await original.close()
  }
}
