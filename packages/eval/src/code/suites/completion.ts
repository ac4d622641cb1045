import type { z } from 'zod'
import { codeIn, cutAt } from '../answer-text.js'
import { runCode } from '../run-code.js'
import type { CodeTask } from '../task.js'
import { chat, fenced } from './code-question.js'
import type { completionSchema } from './schema.js'

const hole = '<FILL IN>'

/** The middle of a program is missing. A base model sees what stands before it and is stopped where the rest begins. */
export function completionTask(problem: z.infer<typeof completionSchema>): CodeTask {
  const { id, language, before, after, tests, reference, wrong } = problem
  const rest = after.split('\n').find((line) => line.trim() !== '')
  const stop = rest === undefined || rest.trim() === '}' ? ['\n}'] : [`\n${rest}`]
  return {
    id,
    suite: 'completion',
    language,
    ask: (style) =>
      style === 'base'
        ? { prompt: before, stop }
        : chat(
            `In this code the lines at ${hole} are missing. Answer with these lines alone, indented as they must be, in one code block.`,
            fenced(language, `${before}${hole}\n${after}`),
          ),
    candidate: (answer, style) =>
      style === 'base' ? `${cutAt(answer, stop)}\n` : withoutRepetition(codeIn(answer), before, after),
    async verify(candidate, options) {
      const { passed, detail } = await runCode(`${before}${candidate}\n${after}\n${tests}`, language, options)
      return { passed, score: passed ? 1 : 0, detail }
    },
    reference,
    wrong,
  }
}

/** Models that chat like to repeat what is there already: only what stands between counts. */
function withoutRepetition(code: string, before: string, after: string): string {
  const start = code.indexOf(before.trim())
  const middle = start < 0 ? code : code.slice(start + before.trim().length).replace(/^[ \t]*\n/, '')
  const end = start < 0 ? -1 : middle.lastIndexOf(after.trimEnd())
  return end < 0 ? middle : middle.slice(0, end)
}
