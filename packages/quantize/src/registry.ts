import { nearest, type QuantMethod, usageError } from '@qt/core'
import { bf16 } from './methods/bf16.js'
import { f16 } from './methods/f16.js'
import { f32 } from './methods/f32.js'
import { iq1_m } from './methods/iq1_m.js'
import { iq1_s } from './methods/iq1_s.js'
import { iq2_s } from './methods/iq2_s.js'
import { iq2_xs } from './methods/iq2_xs.js'
import { iq2_xxs } from './methods/iq2_xxs.js'
import { iq3_s } from './methods/iq3_s.js'
import { iq3_xxs } from './methods/iq3_xxs.js'
import { iq4_nl } from './methods/iq4_nl.js'
import { iq4_xs } from './methods/iq4_xs.js'
import { mxfp4 } from './methods/mxfp4.js'
import { nvfp4 } from './methods/nvfp4.js'
import { q1_0 } from './methods/q1_0.js'
import { q2_0 } from './methods/q2_0.js'
import { q2_k } from './methods/q2_k.js'
import { q3_k } from './methods/q3_k.js'
import { q4_0 } from './methods/q4_0.js'
import { q4_1 } from './methods/q4_1.js'
import { q4_k } from './methods/q4_k.js'
import { q5_0 } from './methods/q5_0.js'
import { q5_1 } from './methods/q5_1.js'
import { q5_k } from './methods/q5_k.js'
import { q6_k } from './methods/q6_k.js'
import { q8_0 } from './methods/q8_0.js'
import { q8_k } from './methods/q8_k.js'
import { tq1_0 } from './methods/tq1_0.js'
import { tq2_0 } from './methods/tq2_0.js'

/** The methods of this package, most precise first; Q8_K, which is no type for files, last. */
export const quantMethods: readonly QuantMethod[] = [
  f32,
  f16,
  bf16,
  q8_0,
  q6_k,
  q5_1,
  q5_k,
  q5_0,
  q4_1,
  q4_k,
  q4_0,
  iq4_nl,
  nvfp4,
  iq4_xs,
  mxfp4,
  q3_k,
  iq3_s,
  iq3_xxs,
  q2_k,
  iq2_s,
  iq2_xs,
  q2_0,
  iq2_xxs,
  tq2_0,
  iq1_m,
  tq1_0,
  iq1_s,
  q1_0,
  q8_k,
]

/**
 * The method that encodes a type.
 *
 * @example
 * ```ts
 * const method = methodFor('Q4_0')
 * method.blockBytes // 18
 * ```
 */
export function methodFor(type: string): QuantMethod {
  const found = quantMethods.find(({ name }) => name === type.toUpperCase())
  if (found) return found
  const names = quantMethods.map(({ name }) => name)
  const close = nearest(type.toUpperCase(), names)
  throw usageError('QUANT_TYPE_UNKNOWN', `There is no quantisation method ${type}; there are ${names.join(', ')}.`, {
    where: { field: 'type' },
    actions: [close === undefined ? `Use one of ${names.join(', ')}.` : `Did you mean ${close}?`],
  })
}
