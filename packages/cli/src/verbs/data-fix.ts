import { writeFileAtomic } from '@qt/core/node'
import type { Finding } from '@qt/data'
import { defineVerb } from '../args/verb.js'
import { fixRecords } from './data-fix-records.js'
import { refuseFlags } from './data-refuse-flags.js'
import { plural, toolsFlag, withTools } from './data-scenarios.js'
import { holdsScenarios } from './data-stats-scenarios.js'

export const dataFix = defineVerb({
  name: 'data fix',
  summary: 'Correct the mistakes in training data that need no judgement.',
  details: 'Each file is replaced as a whole or not at all. What a person has to decide is listed and stays as it is.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder, a file or a pattern.' }],
  flags: {
    ...toolsFlag,
    'dry-run': { type: 'boolean', description: 'Only say what would be done.' },
    drop: { type: 'boolean', description: 'Leave out records that are still wrong, and copies. Not of scenarios.' },
    out: { type: 'text', value: 'FILE', description: 'Write the records of one file there instead of in their place.' },
    ignore: { type: 'text', value: 'CODE', description: 'A kind of finding that is to stay, such as personal-data.', many: true },
  },
  examples: ['qt data fix scenarios/ --dry-run', 'qt data fix scenarios/', 'qt data fix chats.jsonl --drop --out clean.jsonl'],
  async run({ flags, positionals, io }) {
    if (!(await holdsScenarios(positionals[0]!))) {
      refuseFlags(flags, ['tools'], 'records, which declare their own')
      return fixRecords(positionals[0]!, flags, io)
    }
    refuseFlags(flags, ['drop', 'out', 'ignore'], 'scenarios')
    const { data, options } = await withTools(flags.tools)
    const dryRun = flags['dry-run'] === true
    const files = []
    let [applied, left] = [0, 0]
    const remains = (finding: Finding) => {
      left++
      io.out(`left: ${finding.toString()}\n`)
    }
    for (const file of await data.scenarioFiles(positionals[0]!, { onFinding: remains })) {
      const { text, finding } = await data.readScenarioFile(file)
      if (text === undefined) {
        remains(finding)
        files.push({ file, applied: [], left: [finding] })
        continue
      }
      const fixed = data.fixScenario(text, { ...options, file })
      for (const one of fixed.applied) io.out(`${dryRun ? 'would fix' : 'fixed'}: ${one.toString()}\n`)
      fixed.left.forEach(remains)
      if (!dryRun && fixed.text !== text) await writeFileAtomic(file, fixed.text)
      applied += fixed.applied.length
      if (fixed.applied.length + fixed.left.length > 0) files.push({ file, applied: fixed.applied, left: fixed.left })
    }
    io.out(`${plural(applied, 'correction')} ${dryRun ? 'can be made' : 'made'}, ${left} left for you.\n`)
    io.document({ applied, left, dryRun, files })
    return 0
  },
})
