import type { BracketCall, ToolCallReport } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { modelId } from '../eval/content-id.js'
import { heldOut } from '../eval/held-out.js'
import { bareShare, shareText } from '../eval/share.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { loadFlags, loadModel } from '../model-flags.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { fields, numbers } from '../print/units.js'

export const evalTools = defineVerb({
  name: 'eval tools',
  summary: 'Measure whether a model calls the right tools.',
  details:
    'Every turn of the assistant in the data is answered anew, always with the likeliest token, and the calls in the answer are compared ' +
    'with those that a person wrote. With --cache an evaluation that was stopped goes on where it was.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...loadFlags,
    data: { type: 'text', value: 'PATH', many: true, required: true, description: 'Held-out scenarios, or chats as JSONL.' },
    tools: { type: 'text', value: 'FILE', description: 'The tools that there are, as JSON; left out: those of a game master.' },
    cache: { type: 'text', value: 'FILE', description: 'Keep every answer in this JSONL file.' },
    'max-tokens': { type: 'number', description: 'Longest answer, in tokens (default 160).' },
    mistakes: { type: 'number', value: 'N', description: 'Show the first N mistakes (default 5).' },
  },
  examples: [
    'qt eval tools --model model.gguf --data held-out/',
    'qt eval tools --model model.gguf --adapter runs/my-run/adapter --data held-out.jsonl --cache answers.jsonl --json',
  ],
  async run({ flags, positionals, io }) {
    const { evaluateToolCalls, printCall, toolCallItems } = await need('@qt/eval', () => import('@qt/eval'))
    const { conversations, tools } = await heldOut({ paths: flags.data, tools: flags.tools })
    const report = await withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      const progress = status(io)
      try {
        const items = toolCallItems(conversations(model.tokenizer), tools)
        const { cache, 'max-tokens': maxTokens } = flags
        return await evaluateToolCalls(model, items, {
          tools,
          signal,
          ...(maxTokens === undefined ? {} : { maxTokens }),
          ...(cache === undefined ? {} : { cache, modelId: await modelId(flags, positionals, { io, signal }) }),
          onProgress: ({ done, total, right }) => progress.update(`turn ${done}/${total}  ${right} right`),
        })
      } finally {
        progress.end()
        await model.close()
      }
    })
    print(report, { io, mistakes: flags.mistakes ?? 5, printCall })
    io.document(report)
    return 0
  },
})

interface PrintOptions {
  readonly io: Io
  readonly mistakes: number
  readonly printCall: (call: BracketCall) => string
}

function print(report: ToolCallReport, { io, mistakes, printCall }: PrintOptions): void {
  const { accuracy, funnel, baselines, invented, byTool, confusion, items } = report
  const { commonestCall, neverCall } = baselines
  const call = commonestCall.call
  const name = call && printCall(call)
  io.out(
    fields([
      ['turns that need a call', `${shareText(accuracy.needed)} right`],
      ['  called at all', bareShare(funnel.called)],
      ['  and a known tool', bareShare(funnel.knownTool)],
      ['  and the right one', bareShare(funnel.rightTool)],
      ['  and right arguments', bareShare(funnel.rightArguments)],
      ['turns that need none', `${shareText(accuracy.notNeeded)} right`],
      ['all turns', `${shareText(accuracy.all)} right`],
      ['calls of invented tools', shareText(invented)],
      ...(name === undefined
        ? []
        : [
            [
              `always ${name}`,
              `${bareShare(commonestCall.accuracy.needed)} where needed, ${bareShare(commonestCall.accuracy.all)} of all`,
            ],
          ]),
      ['never a call', `${bareShare(neverCall.accuracy.needed)} where needed, ${bareShare(neverCall.accuracy.all)} of all`],
    ]),
  )
  const tools = byTool.map(({ tool, expected, called, right, made }) => [tool, ...[expected, called, right, made].map(String)])
  if (tools.length > 0) io.out(`\n${numbers([['tool', 'expected', 'called', 'right', 'made'], ...tools])}`)
  const mixed = confusion.filter(({ expected, actual }) => expected !== actual)
  if (mixed.length > 0)
    io.out(
      `\n${numbers([['mixed up', 'times'], ...mixed.map(({ expected, actual, count }) => [`${expected} → ${actual}`, String(count)])])}`,
    )
  const shortened = items.filter(({ dropped }) => dropped > 0).length
  if (shortened > 0)
    io.note(`${shortened} turns were asked without the oldest messages: the context of this model does not hold all.\n`)
  const wrong = items.filter(({ score }) => !score.right).slice(0, mistakes)
  if (wrong.length > 0)
    io.out(
      `\n${wrong.map(({ id, score, cut }) => `${id}\n  ${score.explanation}${cut ? ' The answer was cut.' : ''}\n`).join('')}`,
    )
}
