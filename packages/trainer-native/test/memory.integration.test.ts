import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TrainingConfigInput } from '@qt/core'
import { describe, expect, test } from 'vitest'
import { planMemory } from '../src/index.js'
import { eventsOf, realFile, stepsIn, temporaryFolder } from './support.js'

const base = realFile('.models', 'SmolLM2-135M-Instruct.Q4_1.gguf', 'the memory of training SmolLM2-135M')
const run = promisify(execFile)
const command = fileURLToPath(new URL('../../cli/bin/qt.js', import.meta.url))
const library = new URL('../dist/index.js', import.meta.url).href
const folder = await temporaryFolder()

describe.skipIf(base === undefined)('SmolLM2-135M, Q4_1, through qt train', () => {
  test.each([
    { precision: 'float32', checkpointing: false },
    { precision: 'bfloat16', checkpointing: true },
  ] as const)('takes the memory that was planned: %o', async (choice) => {
    const rows = join(folder, 'rows.jsonl')
    const row = JSON.stringify({ input_ids: Array.from({ length: 256 }, (_, i) => 1000 + 7 * i) })
    await writeFile(rows, `${row}\n${row}\n`)
    const config: TrainingConfigInput = {
      base: base!,
      data: { path: rows, format: 'tokens' },
      adapter: { rank: 8 },
      training: { ...choice, steps: 2, batchSize: 2, sequenceLength: 256 },
      output: join(folder, choice.precision),
    }
    const file = join(folder, `${choice.precision}.json`)
    await writeFile(file, JSON.stringify(config))
    await run(process.execPath, [command, 'train', '--config', file])
    const plan = await planMemory(config)
    const idle = `await import('${library}'); console.log(process.resourceUsage().maxRSS * 1024)`
    const baseline = Number((await run(process.execPath, ['--input-type=module', '-e', idle])).stdout)
    const measured = stepsIn(await eventsOf(config.output!)).at(-1)!.memory
    const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
    console.log(`planned ${mib(plan.total)} MiB, measured ${mib(measured)} MiB of which Node alone ${mib(baseline)} MiB`)
    expect(measured).toBeLessThan(plan.total * 1.05 + 64 * 2 ** 20 + baseline)
    expect(measured).toBeGreaterThan(plan.total * 0.5)
  })
})
