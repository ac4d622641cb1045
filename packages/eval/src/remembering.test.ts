import { expect, test, vi } from 'vitest'
import { tableModel } from '../test/table-model.js'
import { divergenceOfRows } from './divergence.js'
import { remembering } from './remembering.js'

const p = () =>
  tableModel(2, (before) => (before.at(-1)! === 0 ? [Math.log(0.75), Math.log(0.25)] : [Math.log(0.5), Math.log(0.5)]))
const q = tableModel(2, () => [Math.log(0.5), Math.log(0.5)])

test('says the same as the model, and asks it once for each row', async () => {
  const model = p()
  const asked = vi.spyOn(model, 'distributions')
  const kept = remembering(model)
  const rows = [
    [0, 1, 0],
    [1, 0],
    [0, 1, 0],
  ]
  const direct = await divergenceOfRows(p(), q, rows)
  for (let i = 0; i < 3; i++) expect(await divergenceOfRows(kept, q, rows)).toEqual(direct)
  expect(asked).toHaveBeenCalledTimes(3)
})

test('a row that failed is tried again', async () => {
  const model = p()
  vi.spyOn(model, 'distributions').mockRejectedValueOnce(new Error('interrupted'))
  const kept = remembering(model)
  const row = [0, 1]
  await expect(kept.distributions(row)).rejects.toThrow('interrupted')
  expect(await kept.distributions(row)).toEqual(await p().distributions(row))
})
