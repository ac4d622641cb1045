import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { bytesText, countText, fields } from '../print/units.js'
import { localPath } from '../resolve.js'

export const inspect = defineVerb({
  name: 'inspect',
  summary: 'Show what a model file holds.',
  details: 'Reads headers only, so it is quick on any size.',
  positionals: [
    {
      name: 'FILE',
      description: 'A GGUF or safetensors file, a model or adapter folder, or a hub id (owner/name).',
      required: true,
    },
  ],
  flags: { tensors: { type: 'boolean', description: 'List every tensor.' } },
  examples: ['qt inspect model.gguf', 'qt inspect model.gguf --json'],
  async run({ flags, positionals, io }) {
    const weights = await need('@qt/weights', () => import('@qt/weights'))
    const path = await withInterrupt((signal) => localPath(positionals[0]!, io, signal))
    const found = await weights.inspect(path)
    io.document(found)
    const { spec } = found
    io.out(
      fields([
        ['file', found.path],
        ['format', found.version === undefined ? found.format : `${found.format} version ${found.version}`],
        ...(found.name === undefined ? [] : [['name', found.name]]),
        ...(found.architecture === undefined ? [] : [['architecture', found.architecture]]),
        ...(spec
          ? [
              [
                'layers',
                `${spec.layers} of ${spec.dModel}; ${spec.heads} heads, ${spec.kvHeads} of keys; feed-forward ${spec.ffn}`,
              ],
              ['vocabulary', `${spec.vocabularySize} tokens`],
              ['context', `${spec.contextLength} tokens`],
            ]
          : []),
        ['parameters', countText(found.parameters)],
        ['tensors', `${found.tensors.length}, ${bytesText(found.bytes)}`],
        ...Object.entries(found.totals).map(([type, { tensors, bytes }]) => [`  ${type}`, `${tensors}, ${bytesText(bytes)}`]),
        ...(found.problem === undefined ? [] : [['no model', found.problem]]),
      ]),
    )
    const metadata = Object.entries(found.metadata)
    if (metadata.length > 0) io.out(`\n${fields(metadata.map(([key, value]) => [key, valueText(value)]))}`)
    if (flags.tensors)
      io.out(
        `\n${fields(found.tensors.map(({ name, type, shape, bytes }) => [name, type, shape.join(' × '), bytesText(bytes)]))}`,
      )
    return 0
  },
})

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value).slice(1, -1) : JSON.stringify(value)
  return text.length > 90 ? `${text.slice(0, 89)}…` : text
}
