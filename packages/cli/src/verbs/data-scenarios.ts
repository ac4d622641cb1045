import { readFile } from 'node:fs/promises'
import type { ScenarioTool } from '@qt/data'
import type { Flags } from '../args/verb.js'
import { need } from '../need.js'

export const toolsFlag = {
  tools: { type: 'text', value: 'FILE', description: 'A JSON file that declares the tools of your scenarios.' },
} as const satisfies Flags

/** @qt/data and the tools that the command line names. */
export async function withTools(file: string | undefined): Promise<{
  data: typeof import('@qt/data')
  options: { tools?: readonly ScenarioTool[] }
}> {
  const data = await need('@qt/data', () => import('@qt/data'))
  const tools = await data.toolsOf(file)
  return { data, options: tools ? { tools } : {} }
}

export const readText = (file: string): Promise<string> => readFile(file, 'utf8')

export const plural = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`
