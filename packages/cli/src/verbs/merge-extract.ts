import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { localPath } from '../resolve.js'

export const mergeExtract = defineVerb({
  name: 'merge extract',
  summary: 'Make an adapter of what a tuned model has learned.',
  details: 'The largest singular values of what differs in each projection. A higher rank leaves less out.',
  flags: {
    base: { type: 'text', value: 'MODEL', required: true, description: 'The model that the tuned one came from.' },
    model: { type: 'text', value: 'MODEL', required: true, description: 'The tuned model.' },
    rank: { type: 'number', description: 'Of the adapter (default 16).' },
    out: { type: 'text', value: 'DIR', required: true, description: 'The adapter to write, a PEFT folder.' },
  },
  examples: ['qt merge extract --base base/ --model tuned/ --rank 16 --out extracted/'],
  async run({ flags, io }) {
    const { extractAdapter } = await need('@qt/weights', () => import('@qt/weights'))
    const progress = status(io)
    const found = await withInterrupt(async (signal) =>
      extractAdapter({
        base: await localPath(flags.base, io, signal),
        model: await localPath(flags.model, io, signal),
        rank: flags.rank ?? 16,
        out: flags.out,
        signal,
        onProgress: ({ tensor, done, total }) => progress.update(`${done}/${total} projections  ${tensor}`),
      }),
    )
    progress.end()
    io.out(
      `Wrote ${found.output}: ${found.modules} projections; ${(100 * found.error).toFixed(1)} % of the difference is left out.\n`,
    )
    if (found.leftOut.length > 0) {
      const shown = found.leftOut.slice(0, 4).join(', ')
      io.note(
        `warning: ${found.leftOut.length} other tensors differ and cannot be in an adapter: ${shown}${found.leftOut.length > 4 ? ' …' : ''}\n`,
      )
    }
    io.document(found)
    return 0
  },
})
