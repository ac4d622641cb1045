import { nearest, type QuantMethod, usageError } from '@qt/core'
import { bf16 } from './methods/bf16.js'
import { f16 } from './methods/f16.js'
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

/** The methods of this package, most precise first; Q8_K, which is no type for files, last. */
export const quantMethods: readonly QuantMethod[] = [f16, bf16, q8_0, q6_k, q5_1, q5_k, q5_0, q4_1, q4_k, q4_0, q3_k, q2_k, q8_k]

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
