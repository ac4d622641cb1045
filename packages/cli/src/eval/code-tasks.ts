import { nearest, usageError } from '@qt/core'
import type { CodeTask } from '@qt/eval'
import { need } from '../need.js'

interface CodeTaskFlags {
  /** Suites, also several in one text, separated by commas. */
  readonly suite: readonly string[]
  /** SUITE=FILE, or a file alone where one suite is named. */
  readonly data?: readonly string[] | undefined
}

/** The problems of the suites that flags name, in the order of the suites; published ones without a file come from the hub. */
export async function codeTasks({ suite, data = [] }: CodeTaskFlags): Promise<CodeTask[]> {
  const { codeSuite, codeSuites, humanEval, mbpp } = await need('@qt/eval', () => import('@qt/eval'))
  const names: readonly string[] = ['humaneval', 'mbpp', ...codeSuites]
  const asked = new Set(suite.flatMap((text) => text.split(',')).map((name) => name.trim().toLowerCase()))
  const files = new Map(data.map((text) => fileOf(text, asked)))
  for (const name of [...asked, ...files.keys()])
    if (!names.includes(name)) {
      const near = nearest(name, names)
      throw usageError('USAGE_BAD_VALUE', `There is no suite "${name}".`, {
        actions: [...(near ? [`Did you mean ${near}?`] : []), `Suites are ${names.join(', ')}.`],
      })
    }
  const idle = [...files.keys()].find((name) => !asked.has(name))
  if (idle !== undefined)
    throw usageError('USAGE_BAD_VALUE', `--data names a file of ${idle}, which is not measured.`, {
      actions: [`Add ${idle} to --suite, or leave the file out.`],
    })
  const tasks: CodeTask[] = []
  for (const name of asked) {
    const file = files.get(name)
    const own = codeSuites.find((one) => one === name)
    if (own) tasks.push(...(await codeSuite(own, file)))
    else tasks.push(...(await (name === 'mbpp' ? mbpp : humanEval)(file)))
  }
  return tasks
}

/** A name before = is a suite's; anything else is a path. */
function fileOf(text: string, asked: ReadonlySet<string>): readonly [suite: string, file: string] {
  const named = /^([a-z][\w-]*)=(.+)$/i.exec(text)
  if (named) return [named[1]!.toLowerCase(), named[2]!]
  const [only] = asked
  if (asked.size === 1 && only !== undefined) return [only, text]
  throw usageError('USAGE_BAD_VALUE', `--data ${text} does not say which suite it is of.`, {
    actions: ['Write --data SUITE=FILE: --data humaneval=HumanEval.jsonl.gz.'],
  })
}
