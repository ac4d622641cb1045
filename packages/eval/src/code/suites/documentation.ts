import type { z } from 'zod'
import { codeIn, cutAt } from '../answer-text.js'
import { runCode } from '../run-code.js'
import type { CodeTask, VerifyOptions } from '../task.js'
import { chat, continued, fenced, type SuiteLanguage } from './code-question.js'
import type { documentationSchema } from './schema.js'

type Problem = z.infer<typeof documentationSchema>

/**
 * Documentation that the model writes. Each demand that it meets counts the same: parameters named, facts stated, nothing false
 * claimed, examples that are there and right.
 */
export function documentationTask(problem: Problem): CodeTask {
  const { id, language, name, code, reference, wrong } = problem
  const form =
    language === 'python'
      ? 'the text of a docstring, with at least one example as >>> and what it prints'
      : 'the text of a JSDoc comment, with @example and under it at least one line like `call(1) // => 2` (or `// throws RangeError`)'
  const question = [
    `Document the function ${name} for those who call it: what it does, every parameter, what it returns, errors and special cases.`,
    fenced(language, code),
    `Answer with ${form}.`,
  ]
  return {
    id,
    suite: 'documentation',
    language,
    ask: (style) => (style === 'base' ? continued(language, ...question) : chat(...question)),
    candidate: (answer, style) => commentIn(style === 'base' ? cutAt(answer, ['\n```']) : answer, language),
    async verify(candidate, options) {
      const missing = [...missingIn(candidate, problem), ...(await wrongExamples(candidate, problem, options))]
      const demands = problem.parameters.length + problem.facts.length + problem.forbidden.length + 1
      return { passed: missing.length === 0, score: Math.max(0, 1 - missing.length / demands), detail: missing.join(' ') }
    },
    reference,
    wrong,
  }
}

/** The text of the first docstring or comment; an answer without either is the text itself. */
function commentIn(answer: string, language: SuiteLanguage): string {
  const found = language === 'python' ? /("""|''')([\s\S]*?)\1/.exec(answer)?.[2] : /\/\*\*([\s\S]*?)\*\//.exec(answer)?.[1]
  if (found === undefined) return codeIn(answer)
  const lines = (language === 'python' ? found : found.replace(/^[ \t]*\*(?: |$)/gm, '')).split('\n')
  const indents = lines.slice(1).flatMap((line) => (line.trim() === '' ? [] : [/^ */.exec(line)![0].length]))
  const indent = indents.length === 0 ? 0 : Math.min(...indents)
  return lines.map((line, i) => (i === 0 ? line.trim() : line.slice(indent))).join('\n')
}

function missingIn(text: string, { parameters, facts, forbidden }: Problem): string[] {
  const has = (pattern: string) => new RegExp(pattern, 'i').test(text)
  return [
    ...parameters.filter((name) => !has(`\\b${name}\\b`)).map((name) => `${name} is not named.`),
    ...facts.filter((patterns) => !patterns.some(has)).map((patterns) => `Nothing says ${patterns.join(' or ')}.`),
    ...forbidden.filter(has).map((pattern) => `It claims ${pattern}.`),
  ]
}

async function wrongExamples(text: string, { language, code }: Problem, options: VerifyOptions): Promise<string[]> {
  const examples = language === 'python' ? /^\s*>>> /m.test(text) : /\/\/ (?:=>|throws)/.test(text)
  if (!examples) return ['There is no example.']
  const program = language === 'python' ? doctest(code, text) : scriptExamples(code, text)
  const { passed, detail } = await runCode(program, language, options)
  return passed ? [] : [`An example is wrong: ${detail}`]
}

const doctest = (code: string, text: string): string =>
  [
    code,
    'import doctest as _doctest',
    `_test = _doctest.DocTestParser().get_doctest(${JSON.stringify(`${text}\n`)}, dict(globals()), "documentation", None, 0)`,
    '_said = []',
    '_result = _doctest.DocTestRunner(verbose=False).run(_test, out=_said.append)',
    'assert _result.attempted > 0 and _result.failed == 0, "".join(_said)',
  ].join('\n')

/** Lines under @example in their order: `expression // => value` is compared, `expression // throws Name` has to throw, others are run. */
function scriptExamples(code: string, text: string): string {
  const from = text.indexOf('@example')
  const lines = (from < 0 ? text : text.slice(from + '@example'.length))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('```') && !line.startsWith('@'))
  const relevant = from < 0 ? lines.filter((line) => /\/\/ (?:=>|throws)/.test(line)) : lines
  const statements = relevant.map((line) => {
    const value = /^(.*?);?\s*\/\/ =>\s*(.*)$/.exec(line)
    const thrown = /^(.*?);?\s*\/\/ throws\b\s*(\w*)/.exec(line)
    if (value) return `assert.deepEqual(${value[1]}, ${value[2]})`
    if (thrown) return `assert.throws(() => ${thrown[1]}${thrown[2] ? `, ${thrown[2]}` : ''})`
    return line
  })
  return `${code}\n${statements.join('\n')}`
}
