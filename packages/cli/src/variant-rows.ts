import { usageError } from '@qt/core'
import type { NativeModel } from '@qt/trainer-native'
import type { Values } from './args/verb.js'
import { calibrationFlags, calibrationRows } from './calibration.js'
import { engineFlags } from './engine-flags.js'

/** Flags of decisions that are measured on one text and judged on another. */
export const measuringFlags = {
  ...calibrationFlags,
  'row-size': { type: 'number', value: 'N', description: 'Tokens read at once (default 64).' },
  rows: { type: 'number', value: 'N', description: 'Read at most so many rows of each (default 32).' },
  'held-out': {
    type: 'text',
    value: 'FILE',
    many: true,
    description: 'The text to judge on; left out: three of four rows, the others are measured on.',
  },
  ...engineFlags,
} as const

export interface MeasuringRows {
  readonly measured: readonly Uint32Array[]
  readonly heldOut: readonly Uint32Array[]
}

/** What a decision is measured on, and what it is judged on: never the same row. */
export async function measuringRows(
  flags: Values<typeof measuringFlags>,
  model: NativeModel,
  base: string,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<MeasuringRows> {
  const usual = { 'row-size': Math.min(64, model.contextLength), rows: 32 }
  const given = { ...flags, 'row-size': flags['row-size'] ?? usual['row-size'], rows: flags.rows ?? usual.rows }
  const { rows } = await calibrationRows(given, model, base, note, signal)
  if (flags['held-out'] !== undefined) {
    const apart = await calibrationRows({ ...given, text: flags['held-out'], data: [] }, model, base, note, signal)
    if (rows.length > 0 && apart.rows.length > 0) return { measured: rows, heldOut: apart.rows }
  } else if (rows.length >= 4)
    return { measured: rows.filter((_, i) => i % 4 === 0), heldOut: rows.filter((_, i) => i % 4 !== 0) }
  throw usageError('EVAL_TEXT_TOO_SHORT', 'The text is too short to measure on one part of it and to judge on another.', {
    actions: [`Give a text of at least ${4 * given['row-size']} tokens, or lower --row-size.`, 'Or give --held-out FILE.'],
  })
}
