import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { crew } from './crew.js'
import { compared, fuzz } from './fuzz.js'
import type { Job } from './job.js'

/**
 * Trains random configurations in several ways that must agree:
 * npx tsx tools/fuzz-training/main.ts [--seed N] [--first M] [--count N] [--device cpu|cuda] [--no-shrink] [--job JSON]
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    count: { type: 'string', default: '20' },
    device: { type: 'string' },
    'no-shrink': { type: 'boolean', default: false },
    job: { type: 'string' },
  },
})

function whole(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  throw new Error(`--${name} is "${text}", and must be a whole number.`)
}

function deviceOf(text: string | undefined): 'cpu' | 'cuda' | undefined {
  if (text === undefined || text === 'cpu' || text === 'cuda') return text
  throw new Error(`--device is "${text}", and must be cpu or cuda; left out, it is both.`)
}

const place = { folder: await mkdtemp(join(tmpdir(), 'qt-fuzz-')), crew: crew() }
try {
  if (values.job === undefined) {
    const { seed, first, count } = values
    const options = {
      device: deviceOf(values.device),
      seed: whole('seed', seed),
      first: whole('first', first),
      count: whole('count', count),
      shrink: !values['no-shrink'],
    }
    const failures = await fuzz({ ...options, say: console.log }, place)
    console.log(`${failures.length} of ${count} jobs with seed ${seed} differ.`)
    if (failures.length > 0) process.exitCode = 1
  } else {
    const job: Job = JSON.parse(values.job)
    for (const comparison of job.comparisons) {
      const difference = await compared(job, comparison, place)
      console.log(difference?.text ?? 'The ways agree.')
      if (difference) process.exitCode = 1
    }
  }
} finally {
  place.crew.close()
  await rm(place.folder, { recursive: true, force: true })
}
