import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { numbers } from '../print/units.js'

export const dataRun = defineVerb({
  name: 'data run',
  summary: 'Run a pipeline of data steps from a YAML file.',
  details:
    'Steps: fix, filter, standardise, decontaminate, substrings, dedup, sample, balance, split. Streamed, over threads where a step looks at one record at a time. What was done is not done again: after an interruption it goes on, after a change only what follows it is new.',
  positionals: [{ name: 'FILE', required: true, description: 'The pipeline, as YAML.' }],
  flags: {},
  examples: ['qt data run pipeline.yaml'],
  async run({ positionals, io }) {
    const { runDataPipeline } = await need('@qt/data', () => import('@qt/data'))
    const progress = status(io)
    const manifest = await withInterrupt((signal) =>
      runDataPipeline(positionals[0]!, {
        signal,
        onProgress: ({ steps, records, reused }) =>
          progress.update(`${steps.join(', ') || 'reading'}  ${records} records${reused ? ' (done before)' : ''}`),
      }),
    )
    progress.end()
    io.out(
      numbers([
        ['', 'records', 'kept'],
        ...manifest.stages.map(({ steps, records, kept }) => [steps.join(', ') || 'reading', String(records), String(kept)]),
      ]),
    )
    for (const { dropped } of manifest.stages)
      for (const [reason, count] of Object.entries(dropped)) io.out(`  ${count} left out, ${reason}\n`)
    for (const { file, records } of manifest.outputs) io.out(`${file}: ${records} records\n`)
    io.out(`version ${manifest.version}\n`)
    io.document(manifest)
    return 0
  },
})
