import type { z } from 'zod'
import { codeIn, cutAt } from '../answer-text.js'
import { runCode } from '../run-code.js'
import type { CodeTask } from '../task.js'
import { chat, continued, fenced, languageName } from './code-question.js'
import type { bugFixSchema } from './schema.js'

/** Code with a mistake and what a user says about it; the answer is the whole code without it. */
export function bugFixTask(problem: z.infer<typeof bugFixSchema>): CodeTask {
  const { id, language, task, code, tests, reference, wrong } = problem
  const question = [
    `This ${languageName(language)} code has a mistake. A user says: ${task}`,
    fenced(language, code),
    'Correct it, and keep its names and everything else that it does. Answer with the whole corrected code in one code block.',
  ]
  return {
    id,
    suite: 'bug-fix',
    language,
    ask: (style) => (style === 'base' ? continued(language, ...question) : chat(...question)),
    candidate: (answer, style) => (style === 'base' ? cutAt(answer, ['\n```']) : codeIn(answer)),
    async verify(candidate, options) {
      const { passed, detail } = await runCode(`${candidate}\n${tests}`, language, options)
      return { passed, score: passed ? 1 : 0, detail }
    },
    reference,
    wrong: [code, ...wrong],
  }
}
