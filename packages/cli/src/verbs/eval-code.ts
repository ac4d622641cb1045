import { usageError } from '@qt/core'
import type { CodeProgress, CodeReport, SamplesReport } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { sayingWhatWasKept } from '../eval/code-interrupted.js'
import { askFlags, codeOfModel } from '../eval/code-of-model.js'
import { codeSandbox, sandboxFlags } from '../eval/code-sandbox.js'
import { printCode } from '../eval/code-tables.js'
import { codeTasks } from '../eval/code-tasks.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { refuseFlags } from './data-refuse-flags.js'

export const evalCode = defineVerb({
  name: 'eval code',
  summary: 'Let a model write code, or take what is written, and run it in a sandbox.',
  details:
    'Suites: humaneval and mbpp (from the hub, or from a file that --data names), and completion, bug-fix, unit-tests, refactoring and documentation, which ' +
    'are here, in Python, JavaScript and TypeScript. A model is asked, or --samples names what is written already: lines {"task_id": "HumanEval/0", ' +
    '"completion": "    return …"}, or with the whole program as "solution". Programs run without network and without your files; where that is not ' +
    'possible, none is run. With --cache an evaluation that was stopped goes on.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    suite: { type: 'text', value: 'NAMES', many: true, required: true, description: 'Suites, separated by commas.' },
    data: { type: 'text', value: 'SUITE=FILE', many: true, description: 'The file of a suite: humaneval=HumanEval.jsonl.gz.' },
    samples: { type: 'text', value: 'FILE', description: 'Judge these samples (JSONL, also gzipped) and ask no model.' },
    ...askFlags,
    'wall-seconds': { type: 'number', value: 'S', description: 'Longest run of one program (default 10).' },
    mistakes: { type: 'number', value: 'N', description: 'Show the first N mistakes (default 5).' },
    ...sandboxFlags,
  },
  examples: [
    'qt eval code --model model.gguf --suite bug-fix,completion',
    'qt eval code --model model.gguf --suite humaneval --data HumanEval.jsonl.gz --per-problem 10 --cache answers.jsonl --json',
    'qt eval code --suite humaneval --data HumanEval.jsonl.gz --samples samples.jsonl --json',
  ],
  async run({ flags, positionals, io }) {
    const { samples: file, mistakes = 5, 'wall-seconds': wallSeconds } = flags
    if ((file === undefined) === (flags.model === undefined && positionals.length === 0))
      throw usageError('USAGE_MISSING_FLAG', 'qt eval code needs a model or --samples, and not both.', {
        actions: ['Add --model FILE to ask a model, or --samples FILE to judge what is written.'],
      })
    if (file !== undefined) refuseFlags(flags, Object.keys(askFlags), 'samples that are written already')
    const tasks = await codeTasks(flags)
    const { readSamples, verifySamples } = await need('@qt/eval', () => import('@qt/eval'))
    const written = file === undefined ? undefined : await readSamples(file)
    const { mechanism, report } = await withInterrupt(async (signal) => {
      const sandbox = await codeSandbox(flags, io)
      const progress = status(io)
      const onProgress = ({ done, total, passed }: CodeProgress) => progress.update(`sample ${done}/${total}  ${passed} passed`)
      try {
        const measured = (): Promise<CodeReport | SamplesReport> =>
          written
            ? verifySamples(tasks, written, {
                executor: sandbox,
                signal,
                onProgress,
                ...(wallSeconds === undefined ? {} : { wallSeconds }),
              })
            : codeOfModel(flags, positionals, { tasks, sandbox, wallSeconds, io, signal, onProgress })
        const report = await sayingWhatWasKept({ samples: file, cache: flags.cache }, signal, measured)
        return { mechanism: sandbox.mechanism, report }
      } finally {
        progress.end()
        await sandbox.close()
      }
    })
    const verdicts = report.items.flatMap(({ samples }) => samples)
    const passed = verdicts.filter((sample) => sample.passed).length
    printCode(report, io, mistakes)
    io.out(`\n${passed} of ${verdicts.length} samples passed.\n`)
    const missing = 'missing' in report ? report.missing : []
    if (missing.length === 1) io.note(`${missing[0]} has no sample; it is not counted.\n`)
    if (missing.length > 1) io.note(`${missing.length} problems have no sample, ${missing[0]} first; they are not counted.\n`)
    const [only, ...others] = report.suites
    const passAtK = Object.fromEntries(only?.passAtK.map(({ k, value }) => [k, value]) ?? [])
    io.document({
      sandbox: mechanism,
      passed,
      total: verdicts.length,
      ...(others.length === 0 ? { passAtK } : {}),
      ...('toJSON' in report ? report.toJSON() : report),
    })
    return 0
  },
})
