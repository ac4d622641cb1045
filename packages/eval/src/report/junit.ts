import type { Comparison } from '../compare/compare.js'
import type { RunReport } from '../run/report.js'
import { chanceText, escaped, figureText } from './format.js'

/**
 * A run as JUnit XML, which CI systems show: a test for each item that can be right or wrong. With a comparison, a test for each metric that
 * fails where it became worse.
 */
export function junitReport(run: RunReport, comparison?: Comparison): string {
  const suites = run.suites.map(({ name, items }) => {
    const cases = items.map(({ id, right, seconds, explanation, output, expected, error }) => {
      const open = `    <testcase classname="${escaped(name)}" name="${escaped(id)}" time="${seconds.toFixed(3)}"`
      const text = [expected === undefined ? '' : `expected: ${expected}`, output === undefined ? '' : `answer: ${output}`]
      const body = escaped([explanation ?? '', ...text].filter(Boolean).join('\n'))
      if (error !== undefined) return `${open}><error message="${escaped(error)}"/></testcase>\n`
      return right === false
        ? `${open}><failure message="${escaped(explanation ?? 'wrong')}">${body}</failure></testcase>\n`
        : `${open}/>\n`
    })
    const count = {
      tests: items.length,
      failures: items.filter(({ right }) => right === false).length,
      errors: items.filter(({ error }) => error !== undefined).length,
    }
    return suite(name, cases, count)
  })
  if (comparison) {
    const { a, metrics } = comparison
    const worse = metrics.filter(({ verdict }) => verdict === 'worse')
    const cases = metrics.map((one) => {
      const open = `    <testcase classname="beside ${escaped(a)}" name="${escaped(`${one.suite} ${one.metric}`)}"`
      const share = one.mcnemar !== undefined
      const message = `${figureText(one.a, share)} became ${figureText(one.b, share)}, p ${chanceText(one.adjusted)}`
      return one.verdict === 'worse' ? `${open}><failure message="${escaped(message)}"/></testcase>\n` : `${open}/>\n`
    })
    suites.push(suite('comparison', cases, { tests: metrics.length, failures: worse.length, errors: 0 }))
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${escaped(run.model)}">\n${suites.join('')}</testsuites>\n`
}

function suite(name: string, cases: readonly string[], count: Readonly<Record<'tests' | 'failures' | 'errors', number>>): string {
  const { tests, failures, errors } = count
  return `  <testsuite name="${escaped(name)}" tests="${tests}" failures="${failures}" errors="${errors}">\n${cases.join('')}  </testsuite>\n`
}
