import { expect, onTestFinished, test, vi } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { alone } from '../parallel/team.js'
import { oneStep } from './steps.js'
import { openTrainer } from './training.js'
import { windows } from './windows.js'

test.each([
  // Less memory is not what a step is taken anew with that has changed some numbers already.
  ['OutOfMemoryError', 'Error'],
  ['TransportError', 'TransportError'],
])('an update that fails with %s is thrown as %s', async (name, thrown) => {
  const prepared = await tinyRun({ threads: 1 })
  const { config, rows } = prepared
  const trainer = openTrainer(prepared, alone)
  onTestFinished(() => trainer.close())
  vi.spyOn(trainer, 'update').mockRejectedValue(Object.assign(new Error('half done'), { name }))
  const plan = windows(rows.train, rows.shuffle, config.training, 1)
  const { signal } = new AbortController()
  const step = oneStep({ trainer, plan, step: 1, learningRate: 1e-3, config, frozen: undefined, team: alone, signal })
  await expect(step).rejects.toMatchObject({ name: thrown, message: 'half done' })
})
