import { defineVerb } from '../args/verb.js'
import { plural, readText, toolsFlag, withTools } from './data-scenarios.js'

export const dataValidate = defineVerb({
  name: 'data validate',
  summary: 'Find the mistakes in scenarios.',
  details: 'A line for each: file and line, what is wrong, what to do. Exits with 1 when there are errors; warnings are none.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder of scenarios, a file or a pattern.' }],
  flags: toolsFlag,
  examples: ['qt data validate scenarios/', 'qt data validate scenarios/ --json'],
  async run({ flags, positionals, io }) {
    const { data, options } = await withTools(flags.tools)
    const files = await data.scenarioFiles(positionals[0]!)
    const findings = []
    for (const file of files)
      for (const finding of data.validateScenario(await readText(file), { ...options, file })) {
        findings.push(finding)
        io.out(`${finding.severity === 'warning' ? 'warning: ' : ''}${finding.toString()}\n`)
      }
    const errors = findings.filter(({ severity }) => severity === 'error').length
    const fixable = findings.filter(({ fix }) => fix.replace !== undefined).length
    const summary = { files: files.length, errors, warnings: findings.length - errors, fixable }
    io.out(
      `${findings.length > 0 ? '\n' : ''}${plural(files.length, 'scenario')}: ${plural(errors, 'error')}, ${plural(summary.warnings, 'warning')}.\n`,
    )
    if (fixable > 0) io.out(`qt data fix ${positionals[0]} corrects ${fixable} of them.\n`)
    io.document({ ...summary, findings })
    return errors > 0 ? 1 : 0
  },
})
