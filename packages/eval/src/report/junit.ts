import type { Comparison } from '../compare/compare.js'
import type { RunReport } from '../run/report.js'
import { chanceText, escaped, figureText } from './format.js'

/**
 * A run as JUnit XML, which CI systems show: a test for each item that can be right or wrong, and an error where a run was stopped. With a
 * comparison, a test for each metric that fails where it became worse, and an error for each suite that could not be compared as a whole.
 */
export function junitReport(run: RunReport, comparison?: Comparison): string {
  const suites = run.suites.map(({ name, items, total }) => {
    const cases = items.map(({ id, right, seconds, explanation, output, expected, error }) => {
      const open = `    <testcase classname="${escaped(name)}" name="${escaped(id)}" time="${seconds.toFixed(3)}"`
      const text = [expected === undefined ? '' : `expected: ${expected}`, output === undefined ? '' : `answer: ${output}`]
      const body = escaped([explanation ?? '', ...text].filter(Boolean).join('\n'))
      if (error !== undefined) return `${open}><error message="${escaped(error)}"/></testcase>\n`
      return right === false
        ? `${open}><failure message="${escaped(explanation ?? 'wrong')}">${body}</failure></testcase>\n`
        : `${open}/>\n`
    })
    const missing = total - items.length
    if (missing > 0) cases.push(broken(name, 'not measured', `${missing} of ${total} items: ${run.stopped ?? 'the run ended'}.`))
    const count = {
      tests: cases.length,
      failures: items.filter(({ right }) => right === false).length,
      errors: items.filter(({ error }) => error !== undefined).length + (missing > 0 ? 1 : 0),
    }
    return suite(name, cases, count)
  })
  if (comparison) {
    const { a, metrics, uncompared } = comparison
    const worse = metrics.filter(({ verdict }) => verdict === 'worse')
    const cases = metrics.map((one) => {
      const open = `    <testcase classname="beside ${escaped(a)}" name="${escaped(`${one.suite} ${one.metric}`)}"`
      const share = one.mcnemar !== undefined
      const message = `${figureText(one.a, share)} became ${figureText(one.b, share)}, p ${chanceText(one.adjusted)}`
      return one.verdict === 'worse' ? `${open}><failure message="${escaped(message)}"/></testcase>\n` : `${open}/>\n`
    })
    cases.push(...uncompared.map((name) => broken(`beside ${a}`, name, 'It was not compared, or not as a whole.')))
    suites.push(suite('comparison', cases, { tests: cases.length, failures: worse.length, errors: uncompared.length }))
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${escaped(run.model)}">\n${suites.join('')}</testsuites>\n`
}

const broken = (group: string, name: string, message: string): string =>
  `    <testcase classname="${escaped(group)}" name="${escaped(name)}"><error message="${escaped(message)}"/></testcase>\n`

function suite(name: string, cases: readonly string[], count: Readonly<Record<'tests' | 'failures' | 'errors', number>>): string {
  const { tests, failures, errors } = count
  return `  <testsuite name="${escaped(name)}" tests="${tests}" failures="${failures}" errors="${errors}">\n${cases.join('')}  </testsuite>\n`
}
