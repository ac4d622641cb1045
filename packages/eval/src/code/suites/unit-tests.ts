import type { z } from 'zod'
import { codeIn, cutAt } from '../answer-text.js'
import { runCode } from '../run-code.js'
import type { CodeTask } from '../task.js'
import { chat, continued, fenced, languageName } from './code-question.js'
import type { unitTestsSchema } from './schema.js'

/** Tests that the model writes: they must pass on the code and fail on each mutant. The score is the share of mutants found. */
export function unitTestsTask(problem: z.infer<typeof unitTestsSchema>): CodeTask {
  const { id, language, code, reference, wrong } = problem
  const mutants = problem.mutants.map(([from, to]) => code.replace(from, () => to))
  const how =
    language === 'python'
      ? 'plain assert statements'
      : 'plain statements with assert (node:assert/strict, which is there as `assert`)'
  const question = [
    `Write tests for this ${languageName(language)} code: ${how}, without a test framework and without the code itself.`,
    fenced(language, code),
    'They are run behind the code. They must find as many mistakes as possible that somebody could make in it: every condition, every bound, ' +
      'every error. Answer with one code block.',
  ]
  return {
    id,
    suite: 'unit-tests',
    language,
    ask: (style) => (style === 'base' ? continued(language, ...question) : chat(...question)),
    candidate: (answer, style) => (style === 'base' ? cutAt(answer, ['\n```']) : codeIn(answer, /assert/)),
    async verify(candidate, options) {
      const right = await runCode(`${code}\n${candidate}`, language, options)
      if (!right.passed) return { passed: false, score: 0, detail: `It fails on the right code: ${right.detail}` }
      // A mutant that runs until its time is over is found, too.
      const runs = await Promise.all(mutants.map((mutated) => runCode(`${mutated}\n${candidate}`, language, options)))
      const alive = problem.mutants.filter((_, i) => runs[i]!.passed)
      const score = 1 - alive.length / mutants.length
      const detail = alive.length === 0 ? '' : `Not found: ${alive.map(([from, to]) => `"${from}" → "${to}"`).join(', ')}.`
      return { passed: alive.length === 0, score, detail }
    },
    reference,
    wrong,
  }
}
