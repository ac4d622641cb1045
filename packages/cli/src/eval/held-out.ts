import { stat } from 'node:fs/promises'
import { type ChatExample, type Tokenizer, usageError } from '@qt/core'
import type { ScenarioTool } from '@qt/data'
import type { QualityProfile, SheetedConversation } from '@qt/eval'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { shortNames } from './short-names.js'

/** Where the demo keeps what was never trained on. */
const heldOutFolder = 'held-out'

/** The folder `held-out` where qt runs, when suites need conversations and none were named. */
export async function defaultHeldOut(suites: readonly string[], io: Io): Promise<string[]> {
  const folder = await stat(heldOutFolder).catch(() => undefined)
  if (!folder?.isDirectory() || !suites.some((name) => ['tools', 'function-calls', 'quality', 'judge'].includes(name))) return []
  io.note(`conversations: ${heldOutFolder}/\n`)
  return [heldOutFolder]
}

type Conversation = ChatExample & SheetedConversation

export interface HeldOut {
  /** As the model is asked: its tokenizer, where it is known, decides who says the results of tools, in training as here. */
  conversations(tokenizer: Tokenizer | undefined): Conversation[]
  readonly tools: readonly ScenarioTool[]
}

interface HeldOutOptions {
  readonly paths: readonly string[]
  /** A JSON file of tools; left out: those of a game master. */
  readonly tools: string | undefined
  /** Set where scenarios shall bring the sheet of their party; it says what their facts can be. */
  readonly profile?: QualityProfile
}

/** Conversations to measure on: scenarios (.md) and chat records (.jsonl, .json), told apart record by record. */
export async function heldOut({ paths, tools: toolsFile, profile }: HeldOutOptions): Promise<HeldOut> {
  const data = await need('@qt/data', () => import('@qt/data'))
  const tools = (await data.toolsOf(toolsFile)) ?? data.defaultTools
  const sheetOf = profile && (await need('@qt/eval', () => import('@qt/eval'))).sheetOf
  const read: ((resultRole: 'tool' | 'user') => Conversation[])[] = []
  const files = await data.findFiles(paths)
  const names = shortNames(files, paths)
  for (const [at, file] of files.entries()) {
    const name = names[at]!
    for await (const record of data.readRecords(file)) {
      const { value, where } = record
      const format = data.formatOf(record, 'auto')
      if (format === 'chat') {
        const [source, id] = [file, name].map((one) => (where.line === undefined ? one : `${one}:${where.line}`))
        const chat = { id, ...data.readChat(record), source }
        read.push(() => [chat])
      } else if (format === 'scenarios' && typeof value.text === 'string') {
        const scenario = data.parseScenario(value.text, { file, tools })
        const sheet = scenario.party.length > 0 ? sheetOf?.(scenario.party, profile?.values ?? {}) : undefined
        const more = { id: name, ...(sheet ? { sheet } : {}) }
        read.push((resultRole) =>
          data.toConversations(scenario, { resultRole, source: file }).map((conversation) => ({ ...more, ...conversation })),
        )
      } else if (!/^readme\./i.test(file.split(/[/\\]/).at(-1)!)) throw noConversation(where)
    }
  }
  return {
    conversations(tokenizer) {
      // Behind a server nobody knows the template; every one takes what a user says.
      const resultRole = tokenizer ? data.resultRoleOf(data.chatTemplateOf(tokenizer)) : 'user'
      return read.flatMap((one) => one(resultRole))
    },
    tools,
  }
}

const noConversation = (where: { readonly file?: string; readonly line?: number }) =>
  usageError('EVAL_NOT_CONVERSATIONS', 'Tool calls are measured in conversations, and this is none.', {
    where,
    actions: ['Give scenarios (.md), or records {"messages": […]} in .jsonl or .json.'],
  })
