import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { prepareOutput } from '../prepare-output.js'
import { numbers } from '../print/units.js'
import { decideOptions } from './optimize-options.js'
import { decisionDocument, decisionFlags, printDecision } from './optimize-report.js'

/** Every so many lines is held out to measure on. */
const heldOutEvery = 5

export const optimizeData = defineVerb({
  name: 'optimize data',
  summary: 'Select training examples under a budget of tokens.',
  details:
    'FILE is JSONL or a JSON array, an example each; a number "quality" (0 to 1) of an example counts, 0.5 without. Selected are good examples, unlike each other. With --measure every fifth example is held out, and a small model of word pairs says how well each selection predicts them: a stand-in for training, which takes seconds; what is held out is not selected. Tokens are words and signs. All pairs of examples are compared: thousands of examples take seconds, tens of thousands too long.',
  positionals: [{ name: 'FILE', description: 'Examples, JSONL or JSON.', required: true }],
  flags: {
    ...decisionFlags,
    tokens: { type: 'number', value: 'N', description: 'The most tokens of all that is selected.', required: true },
    diversity: { type: 'number', value: 'W', description: 'What being unlike the rest is worth beside quality; left out: 0.5.' },
    redundancy: { type: 'number', value: 'W', description: 'What two selected examples that are the same cost; left out: 1.' },
    measure: { type: 'boolean', description: 'Hold examples out and measure the effect.' },
    output: { type: 'text', value: 'FILE', description: 'Write the selected lines.' },
  },
  examples: [
    'qt optimize data examples.jsonl --tokens 20000 --output selected.jsonl',
    'qt optimize data examples.jsonl --tokens 20000 --measure --json',
  ],
  async run({ flags, positionals, io }) {
    const file = positionals[0]!
    if (flags.output !== undefined) await prepareOutput(flags.output, [file])
    const { readRecords } = await need('@qt/data', () => import('@qt/data'))
    const { bitsPerWord, selectExamples, textFeatures, wordsOf } = await need(
      '@qt/quantum',
      () => import('@qt/quantum/decisions'),
    )
    const records: { line: string; text: string; quality: number }[] = []
    for await (const { value } of readRecords(file)) {
      const quality = typeof value === 'object' && value !== null && 'quality' in value ? value.quality : undefined
      records.push({
        line: JSON.stringify(value),
        text: textsOf(value).join('\n'),
        quality: typeof quality === 'number' ? Math.min(1, Math.max(0, quality)) : 0.5,
      })
    }
    if (records.length === 0)
      throw usageError('DATA_NOT_FOUND', `${file} has no examples.`, {
        where: { file },
        actions: ['Write an example on each line: {"instruction": "…", "output": "…"}.'],
      })
    const isHeld = (place: number) => flags.measure === true && place % heldOutEvery === heldOutEvery - 1
    const held = records.filter((_, place) => isHeld(place))
    const places = [...records.keys()].filter((place) => !isHeld(place))
    const pool = places.map((place) => records[place]!)
    const features = textFeatures(pool.map(({ text }) => text))
    const candidates = pool.map(({ text, quality }, i) => ({
      name: `example ${places[i]! + 1}`,
      tokens: wordsOf(text).length,
      quality,
      features: features[i]!,
    }))
    const { diversity, redundancy, tokens: budget } = flags
    const { selected, tokens, decision } = await withInterrupt(async (signal) =>
      selectExamples(candidates, { ...(await decideOptions(flags, signal)), tokens: budget, diversity, redundancy }),
    )
    printDecision(io, decision)
    const vocabulary = new Set(records.flatMap(({ text }) => wordsOf(text))).size
    const measured =
      held.length === 0
        ? undefined
        : decision.outcomes.map(({ method, choice }) => ({
            method,
            bitsPerWord: bitsPerWord(
              pool.filter((_, i) => choice[i] === 1).map(({ text }) => text),
              held.map(({ text }) => text),
              vocabulary,
            ),
          }))
    if (measured)
      io.out(
        `\nHeld out, bits per word (less is better):\n${numbers(measured.map((one) => [one.method, one.bitsPerWord.toFixed(4)]))}`,
      )
    if (flags.output !== undefined) await writeFileAtomic(flags.output, selected.map((i) => `${pool[i]!.line}\n`).join(''))
    io.out(`\n${selected.length} of ${pool.length} examples, ${tokens} of ${budget} tokens.\n`)
    io.document({
      selected: selected.map((i) => places[i]!),
      tokens,
      ...(measured ? { measured } : {}),
      decision: decisionDocument(decision),
    })
    return 0
  },
})

/** Every text in a record, whatever its form. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (Array.isArray(value)) return value.flatMap(textsOf)
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : []
}
