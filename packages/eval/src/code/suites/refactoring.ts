import type { z } from 'zod'
import { codeIn, cutAt } from '../answer-text.js'
import { type CodeMetric, measureCode } from '../measure-code.js'
import { runCode } from '../run-code.js'
import type { CodeTask } from '../task.js'
import { chat, continued, fenced, languageName } from './code-question.js'
import type { refactoringSchema } from './schema.js'

const figures: Readonly<Record<CodeMetric, string>> = {
  lines: 'lines of code',
  branches: 'branches',
  nesting: 'levels of nesting',
  repetition: 'repeated lines',
}

/** Better code that does the same: hidden tests, and a figure that has to come down. Half the score is for the tests. */
export function refactoringTask(problem: z.infer<typeof refactoringSchema>): CodeTask {
  const { id, language, task, code, metric, most, tests, reference, wrong } = problem
  const question = [
    `Refactor this ${languageName(language)} code. ${task}`,
    fenced(language, code),
    `It must do the same as before, under the same names, with at most ${most} ${figures[metric]} (now ${measureCode(code, language)[metric]}). ` +
      'Answer with the whole new code in one code block.',
  ]
  return {
    id,
    suite: 'refactoring',
    language,
    ask: (style) => (style === 'base' ? continued(language, ...question) : chat(...question)),
    candidate: (answer, style) => (style === 'base' ? cutAt(answer, ['\n```']) : codeIn(answer)),
    async verify(candidate, options) {
      const run = await runCode(`${candidate}\n${tests}`, language, options)
      if (!run.passed) return { passed: false, score: 0, detail: run.detail }
      const value = measureCode(candidate, language)[metric]
      if (value <= most) return { passed: true, score: 1, detail: '' }
      return { passed: false, score: 0.5, detail: `It has ${value} ${figures[metric]}, and ${most} are allowed.` }
    },
    reference,
    wrong: [code, ...wrong],
  }
}
