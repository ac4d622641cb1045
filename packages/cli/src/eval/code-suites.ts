import type { Executor } from '@qt/core'
import type { Suite } from '@qt/eval'
import type { Flags, Values } from '../args/verb.js'
import { need } from '../need.js'
import { codeStyleOf } from './code-of-model.js'
import { sandboxFlags } from './code-sandbox.js'
import { codeTasks } from './code-tasks.js'

const published = ['humaneval', 'mbpp']
const own = ['completion', 'bug-fix', 'unit-tests', 'refactoring', 'documentation']

/** Suites whose answers are programs. */
export const codeNames: readonly string[] = [...published, ...own]

/** How suites of code are asked and run. */
export const codeFlags = {
  style: { type: 'text', value: 'NAME', description: 'Of code: instruct asks in a chat (default), base continues a text.' },
  'per-problem': { type: 'number', value: 'N', description: 'Of code: answers to each problem (default 1).' },
  temperature: { type: 'number', value: 'T', description: 'Of code: left out, 0 for one answer and 0.8 for several.' },
  'wall-seconds': { type: 'number', value: 'S', description: 'Of code: longest run of one program (default 10).' },
  ...sandboxFlags,
} as const satisfies Flags

export interface CodeAsking {
  readonly flags: Values<typeof codeFlags>
  /** The files of published suites, by name. */
  readonly files: ReadonlyMap<string, string>
  readonly executor: Executor
}

/** What --data names: `humaneval=FILE` is a suite's, anything else are held-out conversations. */
export function sortedData(data: readonly string[] = []): { conversations: string[]; files: Map<string, string> } {
  const conversations: string[] = []
  const files = new Map<string, string>()
  for (const text of data) {
    const [, name = '', file = ''] = /^([a-z-]+)=(.+)$/i.exec(text) ?? []
    if (codeNames.includes(name.toLowerCase())) files.set(name.toLowerCase(), file)
    else conversations.push(text)
  }
  return { conversations, files }
}

/** One suite of code for a run. */
export async function suiteOfProblems(
  name: string,
  { flags, files, executor }: CodeAsking,
  maxTokens: number | undefined,
): Promise<Suite> {
  const { suiteOfCode } = await need('@qt/eval', () => import('@qt/eval'))
  const { 'per-problem': samples, temperature, 'wall-seconds': wallSeconds } = flags
  const file = files.get(name)
  const tasks = await codeTasks({ suite: [name], data: file === undefined ? [] : [`${name}=${file}`] })
  return suiteOfCode(name, tasks, {
    executor,
    style: codeStyleOf(flags.style),
    graded: own.includes(name),
    ...(samples === undefined ? {} : { samples }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(wallSeconds === undefined ? {} : { wallSeconds }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
  })
}
