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

const place = { folder: await mkdtemp(join(tmpdir(), 'qt-fuzz-')), crew: crew() }
try {
  if (values.job === undefined) {
    const { seed, first, count } = values
    const device: 'cpu' | 'cuda' | undefined = values.device === 'cpu' || values.device === 'cuda' ? values.device : undefined
    const options = { device, seed: Number(seed), first: Number(first), count: Number(count), shrink: !values['no-shrink'] }
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
