import type { QuadraticModel, Vartype } from './quadratic.js'

/**
 * The same function of spins s = 2x − 1: the energy of every solution stays.
 *
 * @example
 * ```ts
 * const spins = toSpin(quadraticModel({ couplings: [[0, 1, 4]] }))
 * spins.values[0] // 1, with linear terms [1, 1] and offset 1
 * ```
 */
export function toSpin(model: QuadraticModel): QuadraticModel {
  if (model.vartype === 'spin') return model
  // x y = (1 + s)(1 + t) / 4
  const linear = model.linear.map((value) => value / 2)
  const { rows, columns } = model
  const values = new Float64Array(model.values.length)
  let offset = model.offset
  for (const value of linear) offset += value
  for (let k = 0; k < values.length; k++) {
    const value = model.values[k]! / 4
    values[k] = value
    offset += value
    linear[rows[k]!]! += value
    linear[columns[k]!]! += value
  }
  return { ...model, vartype: 'spin', offset, linear, values }
}

/** The same function of bits x = (1 + s) / 2: the energy of every solution stays. */
export function toBinary(model: QuadraticModel): QuadraticModel {
  if (model.vartype === 'binary') return model
  // s t = (2x − 1)(2y − 1)
  const linear = model.linear.map((value) => 2 * value)
  const values = model.values.map((value) => 4 * value)
  let offset = model.offset
  for (const value of model.linear) offset -= value
  for (let k = 0; k < values.length; k++) {
    offset += model.values[k]!
    linear[model.rows[k]!]! -= 2 * model.values[k]!
    linear[model.columns[k]!]! -= 2 * model.values[k]!
  }
  return { ...model, vartype: 'binary', offset, linear, values }
}

export const toVartype = (model: QuadraticModel, vartype: Vartype): QuadraticModel =>
  vartype === 'spin' ? toSpin(model) : toBinary(model)

/** Every coefficient times a factor; a negative one turns minimising into maximising. */
export const scaled = (model: QuadraticModel, factor: number): QuadraticModel => ({
  ...model,
  offset: model.offset * factor,
  linear: model.linear.map((value) => value * factor),
  values: model.values.map((value) => value * factor),
})
