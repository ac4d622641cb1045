import { writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { plural, readText, toolsFlag, withTools } from './data-scenarios.js'

export const dataFix = defineVerb({
  name: 'data fix',
  summary: 'Correct the mistakes in scenarios that need no judgement.',
  details: 'Each file is replaced as a whole or not at all. What a person has to decide is listed and stays as it is.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder of scenarios, a file or a pattern.' }],
  flags: { ...toolsFlag, 'dry-run': { type: 'boolean', description: 'Only say what would be done.' } },
  examples: ['qt data fix scenarios/ --dry-run', 'qt data fix scenarios/'],
  async run({ flags, positionals, io }) {
    const { data, options } = await withTools(flags.tools)
    const dryRun = flags['dry-run'] === true
    const files = []
    let [applied, left] = [0, 0]
    for (const file of await data.scenarioFiles(positionals[0]!)) {
      const text = await readText(file)
      const fixed = data.fixScenario(text, { ...options, file })
      for (const finding of fixed.applied) io.out(`${dryRun ? 'would fix' : 'fixed'}: ${finding.toString()}\n`)
      for (const finding of fixed.left) io.out(`left: ${finding.toString()}\n`)
      // Bytes that are no UTF-8 were replaced on reading: writing would lose them for good.
      const readable = !text.includes('\ufffd')
      if (!readable && fixed.applied.length > 0) io.note(`warning: ${file} is not UTF-8 and stays as it is.\n`)
      if (!dryRun && readable && fixed.text !== text) await writeFileAtomic(file, fixed.text)
      applied += readable ? fixed.applied.length : 0
      left += fixed.left.length
      if (fixed.applied.length + fixed.left.length > 0) files.push({ file, applied: fixed.applied, left: fixed.left })
    }
    io.out(`${plural(applied, 'mistake')} ${dryRun ? 'can be' : ''} corrected, ${left} left for you.\n`.replace('  ', ' '))
    io.document({ applied, left, dryRun, files })
    return 0
  },
})
