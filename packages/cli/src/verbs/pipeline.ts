import { QtError, shellWord } from '@qt/core'
import type { Finding } from '@qt/data'
import type { PipelineResult } from '@qt/pipeline'
import { defineVerb } from '../args/verb.js'
import { engineFlags, engineOptions } from '../engine-flags.js'
import { friendly } from '../friendly-error.js'
import { commandIn } from '../init/command.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { printError } from '../print/error.js'
import { pipelineProgress } from '../print/pipeline-progress.js'
import { status } from '../print/status.js'
import { fields } from '../print/units.js'
import { requireAlone } from '../require-alone.js'

export const pipeline = defineVerb({
  name: 'pipeline',
  summary: 'Everything from a folder of scenarios to a checked model.',
  details:
    'Validates, trains, merges, converts, quantises, verifies, evaluates and reports, as DIR/pipeline.yaml says. Only what changed is ' +
    'redone; after Ctrl-C or a crash the same command goes on where it was.',
  positionals: [{ name: 'DIR', description: 'The folder that holds pipeline.yaml.', required: true }],
  flags: {
    base: { type: 'text', value: 'MODEL', description: 'The model to tune, instead of the one in pipeline.yaml.' },
    device: {
      ...engineFlags.device,
      description: 'Where models are trained, asked and measured, instead of what pipeline.yaml says: cpu, cuda, cuda:1.',
    },
    'skip-invalid': { type: 'boolean', description: 'Train on the valid scenarios when some are not.' },
  },
  examples: [
    'qt pipeline examples/dungeon-master',
    'qt pipeline my-game --base HuggingFaceTB/SmolLM2-135M-Instruct --skip-invalid',
    'qt pipeline my-game --device cuda',
  ],
  async run({ flags, positionals, argv, io }) {
    await requireAlone('pipeline')
    const { device } = engineOptions({ device: flags.device })
    const { pipeline: start } = await need('@qt/pipeline', () => import('@qt/pipeline'))
    const progress = status(io)
    const show = pipelineProgress(progress)
    const command = commandIn('.')
    const findings: Finding[] = []
    try {
      const result = await withInterrupt(
        async (signal) => {
          const run = start(positionals[0]!, { base: flags.base, device, skipInvalid: flags['skip-invalid'], command, signal })
          for await (const event of run) {
            if (event.type === 'finding') findings.push(event.finding)
            show(event)
          }
          return run
        },
        () => progress.line('Stopping as soon as everything is saved; press Ctrl-C again to stop at once.'),
      )
      progress.end()
      io.out(resultText(result))
      io.document({ ...result, findings })
      return 0
    } catch (thrown) {
      progress.end()
      const error = friendly(thrown)
      if (!QtError.isInstance(error) || error.kind !== 'interrupted')
        return printError(error, { io, verbose: argv.includes('--verbose'), more: { findings } })
      const resume = [command, ...argv.map(shellWord)].join(' ')
      io.note(`${error.message}\nGo on with:\n  ${resume}\n`)
      io.document({ error: error.toJSON(), findings, resume })
      return 130
    }
  },
})

function resultText({ evaluation, quantised, model, report, next }: PipelineResult): string {
  const share = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(1)} %`)
  const table =
    evaluation.length === 0
      ? ''
      : `\n${fields([
          ['model', 'tool calls right', '95 % interval', 'all turns', 'perplexity', 'size'],
          ...evaluation.map(({ label, needed, all, perplexity, bytes }) => [
            label,
            share(needed.share),
            `${share(needed.low)} to ${share(needed.high)}`,
            share(all.share),
            perplexity.toFixed(2),
            `${(bytes / 1e6).toFixed(1)} MB`,
          ]),
        ])}`
  const files = fields([...quantised.map(({ type, path }) => [type, path]), ['F16', model], ['report', report]])
  return `${table}\n${files}\nNext:\n${next.map((line) => `  ${line}\n`).join('')}`
}
