import { QtError } from '@qt/core'
import type { PipelineResult } from '@qt/pipeline'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { pipelineProgress } from '../print/pipeline-progress.js'
import { status } from '../print/status.js'
import { fields } from '../print/units.js'

export const pipeline = defineVerb({
  name: 'pipeline',
  summary: 'Everything from a folder of scenarios to a checked model.',
  details:
    'Validates, trains, merges, converts, quantises, verifies, evaluates and reports, as DIR/pipeline.yaml says. Only what changed is ' +
    'redone; after Ctrl-C or a crash the same command goes on where it was.',
  positionals: [{ name: 'DIR', description: 'The folder that holds pipeline.yaml.', required: true }],
  flags: {
    base: { type: 'text', value: 'MODEL', description: 'The model to tune, instead of the one in pipeline.yaml.' },
    'skip-invalid': { type: 'boolean', description: 'Train on the valid scenarios when some are not.' },
  },
  examples: ['qt pipeline examples/dungeon-master', 'qt pipeline my-game --base SmolLM2-135M-Instruct.gguf --skip-invalid'],
  async run({ flags, positionals, argv, io }) {
    const { pipeline: start } = await need('@qt/pipeline', () => import('@qt/pipeline'))
    const progress = status(io)
    const show = pipelineProgress(progress)
    try {
      const result = await withInterrupt(
        async (signal) => {
          const run = start(positionals[0]!, { base: flags.base, skipInvalid: flags['skip-invalid'], signal })
          for await (const event of run) show(event)
          return run
        },
        () => progress.line('Stopping as soon as everything is saved; press Ctrl-C again to stop at once.'),
      )
      progress.end()
      io.out(resultText(result))
      io.document(result)
      return 0
    } catch (error) {
      progress.end()
      if (!QtError.isInstance(error) || error.kind !== 'interrupted') throw error
      const command = ['qt', ...argv].join(' ')
      io.note(`${error.message}\nGo on with:\n  ${command}\n`)
      io.document({ error: error.toJSON(), resume: command })
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
