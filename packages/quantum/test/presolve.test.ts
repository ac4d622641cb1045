import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { energyOf, fixVariables, presolve, quadraticModel } from '../src/index.js'
import { allSolutions, randomModel } from './random-models.js'

// A busy machine.
vi.setConfig({ testTimeout: 120_000 })

const vartype = fc.constantFrom('binary' as const, 'spin' as const)

test('a model without its fixed variables has the energies of the whole', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 999 }),
      vartype,
      fc.nat(511),
      (size, seed, type, state) => {
        const model = randomModel(size, 0.6, seed, { vartype: type })
        const fixed = new Map(
          Array.from({ length: size }, (_, i): [number, 0 | 1] => [i, ((state >> i) & 1) as 0 | 1]).filter(
            ([i]) => (seed >> i) & 1,
          ),
        )
        const rest = fixVariables(model, fixed)
        const solution = Uint8Array.from({ length: rest.model.size }, (_, i) => (state >> (i + 2)) & 1)
        expect(energyOf(model, rest.restore(solution))).toBeCloseTo(energyOf(rest.model, solution), 9)
      },
    ),
  )
})

test('presolving keeps an optimum, and every solution of what is left its energy', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 9999 }),
      fc.constantFrom(0.1, 0.3, 0.6),
      vartype,
      fc.boolean(),
      (size, seed, density, type, whole) => {
        const model = randomModel(size, density, seed, { vartype: type, whole })
        const rest = presolve(model)
        expect([rest.model.vartype, rest.model.size]).toEqual([type, size - rest.removed])
        const energies = allSolutions(rest.model.size).map((solution) => {
          const energy = energyOf(rest.model, solution)
          expect(energyOf(model, rest.restore(solution))).toBeCloseTo(energy, 9)
          return energy
        })
        const least = Math.min(...allSolutions(size).map((solution) => energyOf(model, solution)))
        expect(Math.min(...energies)).toBeCloseTo(least, 9)
      },
    ),
    { numRuns: 400 },
  )
})

test('a model in which nothing is certain stays as it is', () => {
  const ring = quadraticModel({
    vartype: 'spin',
    couplings: Array.from({ length: 9 }, (_, i) => [[i, (i + 1) % 9, 0.1] as const, [i, (i + 2) % 9, 0.7] as const]).flat(),
  })
  const { model, removed, restore } = presolve(ring)
  expect(model).toBe(ring)
  expect(removed).toBe(0)
  const solution = Uint8Array.from({ length: 9 }, (_, i) => i % 2)
  expect(restore(solution)).toEqual(solution)
})

test('a tree is presolved away', () => {
  const tree = quadraticModel({
    vartype: 'spin',
    couplings: Array.from({ length: 50 }, (_, i): [number, number, number] => [Math.floor(i / 2), i + 1, i % 3 === 0 ? 1 : -2]),
  })
  const { model, restore } = presolve(tree)
  expect(model.size).toBe(0)
  expect(energyOf(tree, restore(new Uint8Array(0)))).toBe(-tree.values.reduce((sum, value) => sum + Math.abs(value), 0))
})
