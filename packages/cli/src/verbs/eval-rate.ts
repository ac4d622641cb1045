import type { RatingSummary } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { shareText } from '../eval/share.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { fields } from '../print/units.js'

export const evalRate = defineVerb({
  name: 'eval rate',
  summary: 'Let people say which of two answers is better, without knowing whose.',
  details:
    'Serves a page on this machine with the answers of two runs side by side, in an order drawn for each rater, until Ctrl-C; then, or with --summary at ' +
    'once, says what was preferred and how far the raters agree. Ratings are kept in a file; who comes back goes on.',
  positionals: [
    { name: 'A', description: 'The report of the first run, .json.', required: true },
    { name: 'B', description: 'The report of the second run, .json.', required: true },
  ],
  flags: {
    ratings: { type: 'text', value: 'FILE', description: 'Where ratings are kept, as JSONL (default ratings.jsonl).' },
    port: { type: 'number', description: 'Left out: any that is free.' },
    seed: { type: 'number', description: 'Draws the order of the answers (default 1).' },
    summary: { type: 'boolean', description: 'Serve nothing; say what was rated so far.' },
  },
  examples: ['qt eval rate base.json tuned.json', 'qt eval rate base.json tuned.json --summary --json'],
  async run({ flags, positionals, io }) {
    const { ratedPairs, rateServer, readRatings, readReport, summariseRatings } = await need('@qt/eval', () => import('@qt/eval'))
    const { ratings: file = 'ratings.jsonl', port, seed } = flags
    const pairs = ratedPairs(await readReport(positionals[0]!), await readReport(positionals[1]!))
    if (!flags.summary)
      await withInterrupt(async (signal) => {
        const server = await rateServer({
          pairs,
          file,
          ...(port === undefined ? {} : { port }),
          ...(seed === undefined ? {} : { seed }),
        })
        io.note(`${pairs.length} pairs to rate: ${server.url}\nCtrl-C ends and sums up.\n`)
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          // A listener alone keeps no process alive, the server does.
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        await server.close()
      })
    const known = new Set(pairs.map(({ id }) => id))
    const summary = summariseRatings((await readRatings(file)).filter(({ id }) => known.has(id)))
    print(summary, io)
    io.document(summary)
    return 0
  },
})

function print({ ratings, raters, a, b, equal, preferB, p, verdict, agreement }: RatingSummary, io: Io): void {
  io.out(
    fields([
      ['ratings', `${ratings} by ${raters.length}: first ${a}, second ${b}, equal ${equal}`],
      ['second preferred', shareText(preferB)],
      ['the second is', `${verdict} (p ${p.toFixed(4)})`],
      ...(agreement
        ? [['raters agree', `on ${(100 * agreement.share).toFixed(1)} % (kappa ${agreement.kappa.toFixed(2)})`] as const]
        : []),
    ]),
  )
}
