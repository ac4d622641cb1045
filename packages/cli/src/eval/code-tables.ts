import type { CodeResult, CodeSummary } from '@qt/eval'
import type { Io } from '../io.js'
import { numbers } from '../print/units.js'
import { shareText } from './share.js'

interface CodeNumbers {
  readonly suites: readonly CodeSummary[]
  readonly items: readonly CodeResult[]
}

/** A row for each suite, and the first samples that did not pass. */
export function printCode({ suites, items }: CodeNumbers, io: Io, mistakes: number): void {
  const ks = suites[0]?.passAtK.map(({ k }) => k) ?? []
  io.out(
    numbers([
      ['suite', 'problems', ...ks.map((k) => `pass@${k}`), 'mean score', 'cut', 'solved'],
      ...suites.map(({ suite, problems, passAtK, score, cut, solved }) => [
        suite,
        String(problems),
        ...passAtK.map(({ value }) => `${(100 * value).toFixed(1)} %`),
        score.toFixed(3),
        String(cut),
        shareText(solved),
      ]),
    ]),
  )
  const failed = items
    .flatMap(({ id, samples }) => samples.filter(({ passed }) => !passed).map((sample) => ({ id, ...sample })))
    .slice(0, Math.max(0, mistakes))
  if (failed.length > 0)
    io.out(`\n${failed.map(({ id, detail, cut }) => `${id}\n  ${detail}${cut ? ' The answer was cut.' : ''}\n`).join('')}`)
}
