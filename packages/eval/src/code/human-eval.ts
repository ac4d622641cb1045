import { z } from 'zod'
import { codeIn, cutAt } from './answer-text.js'
import { readBenchmark } from './read-lines.js'
import { runCode } from './run-code.js'
import type { CodeTask } from './task.js'

const recordSchema = z.object({
  task_id: z.string(),
  prompt: z.string(),
  entry_point: z.string().regex(/^[A-Za-z_]\w*$/),
  canonical_solution: z.string(),
  test: z.string(),
})

/** Of lm-evaluation-harness: what begins something new after the function. */
const baseStops = ['\nclass', '\ndef', '\n#', '\nif', '\nprint']

/**
 * HumanEval: 164 Python functions to complete, from its JSONL (also .gz) or Parquet file; without one from the hub, downloaded once.
 * https://arxiv.org/abs/2107.03374
 *
 * @example
 * ```ts
 * const tasks = await humanEval('HumanEval.jsonl.gz')
 * tasks.length // 164
 * ```
 */
export async function humanEval(file = 'hf://datasets/openai/openai_humaneval'): Promise<CodeTask[]> {
  const instead = 'Give its file where the hub cannot be reached: --data humaneval=FILE, HumanEval.jsonl.gz or Parquet.'
  return (await readBenchmark(file, recordSchema, instead)).map(task)
}

function task(record: z.infer<typeof recordSchema>): CodeTask {
  const { task_id: id, prompt, entry_point: name, test } = record
  const defines = new RegExp(`^(?:async\\s+)?def\\s+${name}\\s*\\(`, 'm')
  // Imports and helpers that stand before the function; an answer that repeats the function need not repeat them.
  const before = prompt.slice(0, Math.max(0, prompt.search(defines)))
  return {
    id,
    suite: 'humaneval',
    language: 'python',
    ask: (style) =>
      style === 'base'
        ? { prompt, stop: baseStops }
        : {
            prompt: [
              {
                role: 'user',
                content: `Write a solution to the following problem and make sure that it passes the tests:\n\`\`\`python\n${prompt}\`\`\`\nAnswer with the completed function in one Python code block.`,
              },
            ],
            stop: [],
          },
    candidate(answer, style) {
      if (style === 'base') return prompt + cutAt(answer, baseStops)
      const code = codeIn(answer, defines)
      // A body alone goes on where the prompt ends.
      return defines.test(code) ? before + code : prompt + code
    },
    async verify(candidate, options) {
      const { passed, detail } = await runCode(`${candidate}\n${test}\ncheck(${name})`, 'python', options)
      return { passed, score: passed ? 1 : 0, detail }
    },
    completes: prompt,
    reference: prompt + record.canonical_solution,
    wrong: [`${prompt}    pass\n`, `${prompt}    raise NotImplementedError\n`, `${prompt}    import sys; sys.exit(0)\n`],
  }
}
