import { defineVerb } from '../args/verb.js'
import { need } from '../need.js'
import { fields } from '../print/units.js'

export const evalCompare = defineVerb({
  name: 'eval compare',
  summary: 'Say whether one run is better than another.',
  details:
    'Item by item on what both answered: McNemar for right and wrong, paired resampling for the rest, corrected for the number of metrics. ' +
    'With --fail-if-worse the exit code is 1 when a metric is worse or a suite is missing, for CI.',
  positionals: [
    { name: 'A', description: 'The report of the first run, .json.', required: true },
    { name: 'B', description: 'The report of the second run, .json.', required: true },
  ],
  flags: {
    'fail-if-worse': { type: 'boolean', description: 'Exit with 1 when B is worse than A, or lacks what A measured.' },
    metric: {
      type: 'text',
      value: 'NAME',
      many: true,
      description: 'Compare only this suite (tools) or metric of one (quality.quality).',
    },
    alpha: { type: 'number', value: 'P', description: 'Largest chance of a false alarm (default 0.05).' },
    samples: { type: 'number', description: 'Resamples (default 10000).' },
    report: {
      type: 'text',
      value: 'FILE',
      many: true,
      description: 'Write .html (side by side), .md or .xml (JUnit).',
    },
  },
  examples: [
    'qt eval compare base.json tuned.json',
    'qt eval compare base.json tuned.json --fail-if-worse --metric tools --metric quality.quality',
    'qt eval compare base.json tuned.json --fail-if-worse --report compared.html',
  ],
  async run({ flags, positionals, io }) {
    const { compareRuns, holds, markdownComparison, readReport, saveReport } = await need('@qt/eval', () => import('@qt/eval'))
    const [a, b] = [await readReport(positionals[0]!), await readReport(positionals[1]!)]
    const comparison = compareRuns(a, b, {
      ...(flags.metric === undefined ? {} : { only: flags.metric }),
      ...(flags.alpha === undefined ? {} : { alpha: flags.alpha }),
      ...(flags.samples === undefined ? {} : { samples: flags.samples }),
    })
    for (const file of flags.report ?? []) await saveReport(file, [a, b], comparison)
    io.out(`${markdownComparison(comparison)}\n`)
    const { speed, memory } = comparison
    io.out(
      fields([
        // Runs of likelihoods generate nothing.
        ...(Number.isFinite(speed) ? [['speed', `× ${speed.toFixed(2)}`] as const] : []),
        ['memory', `× ${memory.toFixed(2)}`],
      ]),
    )
    io.document(comparison)
    return flags['fail-if-worse'] && !holds(comparison) ? 1 : 0
  },
})
