import type { Finding } from '@qt/data'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { plural, toolsFlag, withTools } from './data-scenarios.js'

export const dataValidate = defineVerb({
  name: 'data validate',
  summary: 'Find the mistakes in scenarios.',
  details: 'A line for each: file and line, what is wrong, what to do. Exits with 1 when there are errors; warnings are none.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder of scenarios, a file or a pattern.' }],
  flags: {
    ...toolsFlag,
    'held-out': { type: 'text', value: 'DIR', description: 'Scenarios to measure on: checked as well, and for copies in DIR.' },
  },
  examples: [
    'qt data validate scenarios/',
    'qt data validate scenarios/ --held-out held-out/',
    'qt data validate scenarios/ --json',
  ],
  async run({ flags, positionals, io }) {
    const { data, options } = await withTools(flags.tools)
    const findings: Finding[] = []
    const show = (finding: Finding) => {
      findings.push(finding)
      io.out(`${finding.severity === 'warning' ? 'warning: ' : ''}${finding.toString()}\n`)
    }
    let [files, fixable] = [0, 0]
    await withInterrupt(async (signal) => {
      const all = data.checkScenarios(positionals[0]!, { ...options, heldOut: flags['held-out'], onFinding: show, signal })
      for await (const { file, part, text, findings: own } of all) {
        files++
        own.forEach(show)
        // One fix can make another needless or possible, so that only fixing tells how many there are.
        if (part === 'training' && text !== undefined && own.some(({ fix }) => fix.replace !== undefined))
          fixable += data.fixScenario(text, { ...options, file }).applied.length
      }
    })
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const summary = { files, errors, warnings: findings.length - errors, fixable }
    io.out(
      `${findings.length > 0 ? '\n' : ''}${plural(files, 'scenario')}: ${plural(errors, 'error')}, ${plural(summary.warnings, 'warning')}.\n`,
    )
    if (fixable > 0) io.out(`qt data fix ${positionals[0]} makes ${plural(fixable, 'correction')}.\n`)
    io.document({ ...summary, findings })
    return errors > 0 ? 1 : 0
  },
})
