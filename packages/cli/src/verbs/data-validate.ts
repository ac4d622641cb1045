import { shellWord } from '@qt/core'
import type { Finding } from '@qt/data'
import { defineVerb } from '../args/verb.js'
import { pasteable } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import { refuseFlags } from './data-refuse-flags.js'
import { plural, toolsFlag, withTools } from './data-scenarios.js'
import { holdsScenarios } from './data-stats-scenarios.js'
import { validateRecords } from './data-validate-dataset.js'

export const dataValidate = defineVerb({
  name: 'data validate',
  summary: 'Find the mistakes in training data.',
  details:
    'A line for each: file and line, what is wrong, what to do. Exits with 1 when there are errors; warnings are none. DIR holds scenarios, or conversations, instructions, preference pairs and texts as JSONL, JSON, CSV, TSV or Parquet.',
  positionals: [{ name: 'DIR', required: true, description: 'A folder, a file, a pattern or an http(s) address.' }],
  flags: {
    ...toolsFlag,
    'held-out': { type: 'text', value: 'PATH', description: 'What is measured on: nothing of it may be in DIR, too.' },
    context: { type: 'number', value: 'N', description: 'Report records with more tokens than this.' },
    tokenizer: { type: 'text', value: 'FILE', description: 'Counts them; left out: guessed from the letters.' },
    ignore: {
      type: 'text',
      value: 'CODE',
      description: 'A kind of finding in records that is not wanted, such as personal-data.',
      many: true,
    },
    report: { type: 'text', value: 'FILE', description: 'Write the findings in records to FILE, .html or .json.' },
  },
  examples: [
    'qt data validate scenarios/',
    'qt data validate scenarios/ --held-out held-out/',
    'qt data validate chats.jsonl --context 2048 --tokenizer model.gguf --report report.html',
  ],
  async run({ flags, positionals, io }) {
    if (!(await holdsScenarios(positionals[0]!))) {
      refuseFlags(flags, ['tools'], 'records, which declare their own')
      return validateRecords(positionals[0]!, flags, io)
    }
    refuseFlags(flags, ['context', 'tokenizer', 'ignore', 'report'], 'scenarios')
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
    if (fixable > 0) io.out(`${pasteable(`qt data fix ${shellWord(positionals[0]!)}`)} makes ${plural(fixable, 'correction')}.\n`)
    io.document({ ...summary, findings })
    return errors > 0 ? 1 : 0
  },
})
