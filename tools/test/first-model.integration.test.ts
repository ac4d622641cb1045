import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEvent } from '@qt/core'
import { readRun } from '@qt/pipeline'
import { readGguf } from '@qt/weights'
import { beforeAll, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

const folder = join(root, 'runs/demo-test')
let output = ''

// Few steps: what is shown here is that every command of the walk-through works, not that the model is any good.
beforeAll(async () => {
  const shown = await command('tsx', ['tools/src/first-model.ts', '--steps', '12', '--folder', 'runs/demo-test'])
  expect(shown.code, tail(shown)).toBe(0)
  output = shown.stdout
}, 600_000)

test('the walk-through trains from nothing, fine-tunes, merges and writes a GGUF file', async () => {
  for (const run of ['base', 'tuned'])
    expect(await readRun(join(folder, run))).toMatchObject({ status: 'completed', step: 12, problems: [] })
  const gguf = await readGguf(join(folder, 'model.gguf'))
  expect(gguf.tensors.size).toBeGreaterThan(30)
  expect(output).toContain('npx qt train --config')
})

test('the loss falls already in its first steps', async () => {
  const lines = (await readFile(join(folder, 'base/events.jsonl'), 'utf8')).split('\n')
  const losses = lines.flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [event.loss] : []
  })
  expect(losses).toHaveLength(12)
  // About ln 1024 = 6.93 before the first step.
  expect(losses[0]).toBeGreaterThan(6)
  expect(losses.at(-1)!).toBeLessThan(losses[0]! - 1)
})
