import { dirname } from 'node:path'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { bytesText, fields, numbers } from '../print/units.js'

export const bench = defineVerb({
  name: 'bench',
  summary: 'Measure speed and memory of a model file.',
  details:
    'Load time, tokens a second of prompts and of generation, and peak memory; medians. Figures compare only on one machine that has nothing else to ' +
    'do. With --baseline the exit code is 1 when one of them is worse by more than the tolerance.',
  positionals: [{ name: 'FILE', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...loadFlags,
    'prompt-tokens': { type: 'number', description: 'Length of the prompt (default 256).' },
    'generated-tokens': { type: 'number', description: 'Length of the answer (default 64).' },
    repeats: { type: 'number', description: 'How often; the median counts (default 3).' },
    save: { type: 'text', value: 'FILE', description: 'Keep the figures, as a baseline.' },
    baseline: { type: 'text', value: 'FILE', description: 'Figures to compare with.' },
    tolerance: { type: 'number', value: 'SHARE', description: 'How much worse is still the same (default 0.15).' },
  },
  examples: ['qt bench model.gguf --save bench.json', 'qt bench model.gguf --baseline bench.json --json'],
  async run({ flags, positionals, io }) {
    const { benchModel, compareBench, readBench } = await need('@qt/eval', () => import('@qt/eval'))
    const before = flags.baseline === undefined ? undefined : await readBench(flags.baseline)
    const { 'prompt-tokens': promptTokens, 'generated-tokens': generatedTokens, repeats, tolerance } = flags
    // What cannot be compared shows before minutes are spent.
    if (before) compareBench(before, before, tolerance)
    const report = await withInterrupt((signal) =>
      benchModel(() => loadModel(flags, positionals, { signal, reusePrompts: false }), {
        signal,
        ...(promptTokens === undefined ? {} : { promptTokens }),
        ...(generatedTokens === undefined ? {} : { generatedTokens }),
        ...(repeats === undefined ? {} : { repeats }),
      }),
    )
    if (flags.save !== undefined) {
      await makeFolder(dirname(flags.save))
      await writeFileAtomic(flags.save, `${JSON.stringify(report, null, 1)}\n`)
    }
    const comparison = before && compareBench(report, before, tolerance)
    if (before && before.model !== report.model) io.note(`The baseline is of another model, ${before.model}.\n`)
    io.out(
      fields([
        ['load time', `${report.loadSeconds.toFixed(2)} s`],
        ['prompt', `${report.promptTokensPerSecond.toFixed(1)} tokens/s (${report.promptTokens} tokens)`],
        ['generation', `${report.generationTokensPerSecond.toFixed(1)} tokens/s (${report.generatedTokens} tokens)`],
        ['peak memory', bytesText(report.peakMemory)],
      ]),
    )
    if (comparison)
      io.out(
        `\n${numbers([
          ['beside the baseline', 'gain', ''],
          ...comparison.map(({ name, gain, worse }) => [name, `× ${gain.toFixed(2)}`, worse ? 'worse' : 'fine']),
        ])}`,
      )
    io.document(comparison ? { ...report, comparison } : report)
    return comparison?.some(({ worse }) => worse) ? 1 : 0
  },
})
