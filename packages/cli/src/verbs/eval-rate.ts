import { usageError } from '@qt/core'
import type { RatedPair, RatingSummary } from '@qt/eval'
import { defineVerb } from '../args/verb.js'
import { type Judges, judgeFlags, judgesHavePrice, readJudges } from '../eval/judges.js'
import { shareText } from '../eval/share.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { fields } from '../print/units.js'

export const evalRate = defineVerb({
  name: 'eval rate',
  summary: 'Let people say which of two answers is better, without knowing whose.',
  details:
    'Serves a page on this machine with the answers of two runs side by side, in an order drawn for each rater, until Ctrl-C; then, or with --summary at ' +
    'once, says what was preferred and how far the raters agree. Ratings are kept in a file; who comes back goes on. With --judge models rate instead, each ' +
    'pair in both orders, and are raters like others.',
  positionals: [
    { name: 'A', description: 'The report of the first run, .json.', required: true },
    { name: 'B', description: 'The report of the second run, .json.', required: true },
  ],
  flags: {
    ratings: { type: 'text', value: 'FILE', description: 'Where ratings are kept, as JSONL (default ratings.jsonl).' },
    port: { type: 'number', description: 'Left out: any that is free.' },
    seed: { type: 'number', description: 'Draws the order of the answers (default 1).' },
    summary: { type: 'boolean', description: 'Serve nothing; say what was rated so far.' },
    ...judgeFlags,
    'token-limit': { type: 'number', value: 'N', description: 'Each judge stops after so many generated tokens.' },
    'cost-limit': { type: 'number', value: 'C', description: 'Each judge stops at this cost; needs its prices.' },
  },
  examples: [
    'qt eval rate base.json tuned.json',
    'qt eval rate base.json tuned.json --summary --json',
    'qt eval rate base.json tuned.json --judge large@http://127.0.0.1:8080/v1 --judge-cache judge.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { ratedPairs, rateServer, readRatings, readReport, summariseRatings } = await need('@qt/eval', () => import('@qt/eval'))
    const { ratings: file = 'ratings.jsonl', port, seed } = flags
    const openJudges = await readJudges(flags)
    if (openJudges && flags['cost-limit'] !== undefined && !judgesHavePrice(flags))
      throw usageError('USAGE_MISSING_FLAG', '--cost-limit needs prices.', {
        actions: ['Add --judge-price-input and --judge-price-output.'],
      })
    const pairs = ratedPairs(await readReport(positionals[0]!), await readReport(positionals[1]!))
    const limits = {
      ...(flags['token-limit'] === undefined ? {} : { tokens: flags['token-limit'] }),
      ...(flags['cost-limit'] === undefined ? {} : { cost: flags['cost-limit'] }),
    }
    if (openJudges && !flags.summary)
      await withInterrupt(async (signal) => {
        const judges = await openJudges({ io, signal })
        await rateByJudges(judges, { pairs, file, seed, limits, io, signal }).finally(() => judges.close())
      })
    else if (!flags.summary)
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

interface RateByJudges {
  readonly pairs: readonly RatedPair[]
  readonly file: string
  readonly seed: number | undefined
  readonly limits: { readonly tokens?: number; readonly cost?: number }
  readonly io: Io
  readonly signal: AbortSignal
}

async function rateByJudges(judges: Judges, { pairs, file, seed, limits, io, signal }: RateByJudges): Promise<void> {
  const { models, rubric, price } = judges
  const { judgePairs } = await need('@qt/eval', () => import('@qt/eval'))
  const progress = status(io)
  for (const judge of models) {
    const { judged, consistent, tokens, stopped } = await judgePairs(judge, pairs, {
      rubric,
      file,
      limits,
      signal,
      ...(price ? { price } : {}),
      ...(seed === undefined ? {} : { seed }),
      onProgress: ({ done, total }) => progress.update(`${judge.name}  pair ${done}/${total}`),
    }).finally(() => progress.end())
    io.note(`${judge.name}: ${judged} pairs, ${consistent} of them alike in both orders, ${tokens} tokens\n`)
    if (stopped !== undefined) io.note(`warning: ${judge.name} stopped at ${stopped}\n`)
  }
}

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
