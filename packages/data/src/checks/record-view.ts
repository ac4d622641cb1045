import { nearest } from '@qt/core'
import { codeKeys, firstKey, isTalkKey, type Layout, promptKeyOf, talkKeys } from '../layouts.js'
import { roles } from '../read-chat.js'
import { instructionFields, isConversational } from '../read-instruction.js'
import type { Path, Report } from './dataset-finding.js'

export type Role = 'system' | 'user' | 'assistant' | 'tool'

export interface CallView {
  readonly name: string
  readonly id: string | undefined
  readonly arguments: Readonly<Record<string, unknown>> | undefined
  readonly path: Path
  /** To the name; undefined for a call that stands as JSON in a text. */
  readonly namePath: Path | undefined
}

/** A turn as the checks see it, however it is spelled. */
export interface MessageView {
  readonly role: Role | undefined
  readonly text: string
  /** To the text. */
  readonly path: Path
  readonly calls: readonly CallView[]
  readonly callId: string | undefined
}

/** What the checks look at: the turns of an example, or its text. */
export interface RecordView {
  readonly kind: 'chat' | 'instruction' | 'preference' | 'text' | 'tokens'
  readonly messages: readonly MessageView[]
  /** Of a preference pair: the answer that is not wanted. */
  readonly rejected: readonly MessageView[]
  /** The record, for what is not a turn. */
  readonly value: Readonly<Record<string, unknown>>
  /** The names of the tools that are declared, with the arguments they must have. */
  readonly tools: ReadonlyMap<string, readonly string[]> | undefined
}

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
const none: readonly CallView[] = []

/** Looks into a record as far as it can, and reports what is not as its layout has it. */
export function viewRecord(value: Plain, layout: Layout, report: Report): RecordView {
  const view = (
    kind: RecordView['kind'],
    messages: readonly MessageView[],
    rejected: readonly MessageView[] = [],
  ): RecordView => ({
    kind,
    messages,
    rejected,
    value,
    tools: value.tools === undefined ? undefined : declared(value.tools, report),
  })
  if (layout === 'openai' || layout === 'sharegpt') {
    const key = talkKeys.find((one) => Array.isArray(value[one])) ?? 'messages'
    return view('chat', conversation(value[key], [key], report))
  }
  if (layout === 'preference') {
    if (isPlain(value.chosen) && Object.hasOwn(value.chosen, 'input_ids')) return view('tokens', [])
    const promptKey = promptKeyOf(value)
    const system = typeof value.system === 'string' && value.system !== '' ? said(value.system, 'system', ['system'], report) : []
    const prompt = side(value, promptKey, 'user', report)
    const [chosen, rejected] = [side(value, 'chosen', 'assistant', report), side(value, 'rejected', 'assistant', report)]
    const repeated = isTalkKey(promptKey) && [chosen, rejected].some(([answer]) => same(prompt.at(-1), answer))
    return view(
      'preference',
      [
        ...system,
        ...(repeated ? prompt.slice(0, -1) : prompt),
        ...(promptKey === 'instruction' && typeof value.input === 'string' && value.input !== ''
          ? said(value.input, 'user', ['input'], report)
          : []),
        ...chosen,
      ],
      rejected,
    )
  }
  if (layout === 'text' || layout === 'the-stack' || layout === 'codesearchnet' || layout === 'scenario') {
    const key = firstKey(value, ['text', 'content', ...codeKeys]) ?? 'text'
    return view('text', said(value[key], undefined, [key], report))
  }
  if (layout === 'tokens') return view('tokens', [])
  const { ask, more, answer } = instructionFields(value)
  if (isConversational(value))
    return view('instruction', [
      ...((value.system ?? '') === '' ? [] : said(value.system, 'system', ['system'], report)),
      ...conversation(value[ask], [ask], report),
      ...conversation(value[answer], [answer], report),
    ])
  const output = value[answer]
  const told = isPlain(output) && isPlain(output.context_window) ? output.context_window.system_prompt : undefined
  const [text, path] = isPlain(output) ? [output.content, [answer, 'content']] : [output, [answer]]
  return view('instruction', [
    ...((value.system ?? '') === '' ? [] : said(value.system, 'system', ['system'], report)),
    ...(typeof told === 'string' && told !== '' ? said(told, 'system', [answer, 'context_window', 'system_prompt'], report) : []),
    ...said(value[ask], 'user', [ask], report),
    ...(more === undefined || (value[more] ?? '') === '' ? [] : said(value[more], 'user', [more], report)),
    ...answered(text, path, report),
  ])
}

/** Whether two turns say the same. */
function same(a: MessageView | undefined, b: MessageView | undefined): boolean {
  const [one, other] = [a, b].map((turn) => turn && JSON.stringify([turn.role, turn.text, saidCalls(turn)]))
  return one !== undefined && one === other
}

/** The calls of a turn without their places. */
export const saidCalls = ({ calls }: MessageView): string[] =>
  calls.map(({ name, arguments: given }) => `${name}${JSON.stringify(given)}`)

/** A text of a record, empty or of another type: then there is none to check. */
function said(text: unknown, role: Role | undefined, path: Path, report: Report): MessageView[] {
  if (typeof text === 'string') return [{ role, text, path, calls: none, callId: undefined }]
  report({
    code: 'not-text',
    path,
    message: `This must be text, not ${kindOf(text)}.`,
    fix: 'Write it as text in quotation marks.',
  })
  return []
}

function answered(text: unknown, path: Path, report: Report): MessageView[] {
  if (typeof text === 'string' && text.trim() !== '') return said(text, 'assistant', path, report)
  if (text === undefined || text === null || text === '' || typeof text === 'string')
    report({
      code: 'missing-output',
      path,
      message: 'There is no answer to learn from.',
      fix: { label: 'Write the answer, or leave the example out.', drop: true },
    })
  else said(text, 'assistant', path, report)
  return []
}

function side(value: Plain, key: string | undefined, role: Role, report: Report): readonly MessageView[] {
  if (key === undefined) return []
  const given = value[key]
  if (Array.isArray(given)) return conversation(given, [key], report)
  return role === 'assistant' ? answered(given, [key], report) : said(given, role, [key], report)
}

function conversation(list: unknown, path: Path, report: Report): readonly MessageView[] {
  if (!Array.isArray(list) || list.length === 0) {
    report({
      code: 'no-messages',
      path,
      message: 'A conversation needs a list of messages.',
      fix: { label: 'Add its messages, or leave the example out.', drop: true },
    })
    return []
  }
  const out: MessageView[] = []
  for (let i = 0; i < list.length; i++) {
    const item: unknown = list[i]
    if (isPlain(item)) out.push(message(item, path, i, report))
    else
      report({
        code: 'not-a-message',
        path: [...path, i],
        message: 'A message must be an object.',
        fix: 'Write {"role": "user", "content": "…"}.',
      })
  }
  return out
}

/** A turn of a list. Its path is made when it is asked for: among a million turns few have anything wrong. */
class ListedTurn implements MessageView {
  constructor(
    private readonly list: Path,
    private readonly index: number,
    private readonly key: string,
    readonly role: Role | undefined,
    readonly text: string,
    readonly calls: readonly CallView[],
    readonly callId: string | undefined,
  ) {}

  get path(): Path {
    return [...this.list, this.index, this.key]
  }
}

function message(item: Plain, list: Path, index: number, report: Report): MessageView {
  const roleKey = item.role === undefined && item.from !== undefined ? 'from' : 'role'
  const given = item[roleKey]
  const role = typeof given === 'string' && Object.hasOwn(roles, given) ? roles[given] : undefined
  if (role === undefined) reportRole(given, [...list, index, roleKey], report)
  const key = item.content === undefined && item.value !== undefined ? 'value' : 'content'
  const content = item[key]
  const named = item.tool_call_id ?? item.toolCallId
  const callId = typeof named === 'string' ? named : undefined
  // ShareGPT's turn that is a call.
  if (given === 'function_call') {
    const calls = written(content, [...list, index, key], report)
    return new ListedTurn(list, index, key, role, '', calls, callId)
  }
  const calls = callsOf(item, list, index, report)
  const turn = (text: string) => new ListedTurn(list, index, key, role, text, calls, callId)
  if (typeof content === 'string') return turn(content)
  if (Array.isArray(content)) {
    const text = parts(content, [...list, index, key], report)
    // A part has a text of its own, which can be set; several are no one text.
    return content.length === 1 ? new ListedTurn([...list, index, key], 0, 'text', role, text, calls, callId) : turn(text)
  }
  if ((content === undefined || content === null) && calls.length > 0) return turn('')
  report({
    code: 'not-text',
    path: [...list, index, key],
    message:
      content === undefined || content === null
        ? 'This message has no "content".'
        : `The content must be text, not ${kindOf(content)}.`,
    fix: 'Add "content": "…".',
  })
  return turn('')
}

function parts(content: readonly unknown[], path: Path, report: Report): string {
  return content
    .map((part, index) => {
      if (isPlain(part) && typeof part.text === 'string') return part.text
      report({
        code: 'not-text',
        path: [...path, index],
        message: 'Only text can be trained on.',
        fix: 'Remove images and other parts.',
      })
      return ''
    })
    .join('')
}

function reportRole(given: unknown, path: Path, report: Report): void {
  const small = typeof given === 'string' ? given.trim().toLowerCase() : ''
  const names = ['system', 'user', 'assistant', 'tool']
  const meant = Object.hasOwn(roles, small) ? roles[small] : small === '' ? undefined : nearest(small, names)
  report({
    code: 'wrong-role',
    path,
    message: given === undefined ? 'This message has no role.' : `${JSON.stringify(given)} is not a role.`,
    fix:
      meant === undefined
        ? 'Use system, user, assistant or tool.'
        : { label: `Write "${meant}".`, set: [{ path, value: path.at(-1) === 'from' ? sharegptRole(meant) : meant }] },
  })
}

const sharegptRole = (role: string): string => (role === 'user' ? 'human' : role === 'assistant' ? 'gpt' : role)

function callsOf(item: Plain, turns: Path, turn: number, report: Report): readonly CallView[] {
  const key = ['tool_calls', 'toolCalls'].find((one) => item[one] !== undefined && item[one] !== null)
  const path = [...turns, turn]
  // OpenAI's older shape has one call, without a list.
  if (key === undefined)
    return isPlain(item.function_call) ? oneCall(item.function_call, [...path, 'function_call'], report) : none
  const list = item[key]
  if (Array.isArray(list)) return list.flatMap((call: unknown, index) => oneCall(call, [...path, key, index], report))
  report({
    code: 'tool-call',
    path: [...path, key],
    message: `"${key}" must be a list.`,
    fix: 'Write "tool_calls": [{"function": {"name": "…", "arguments": "{}"}}].',
  })
  return none
}

function oneCall(call: unknown, path: Path, report: Report, inText = false): readonly CallView[] {
  const inner = isPlain(call) && isPlain(call.function) ? call.function : call
  if (!isPlain(call) || !isPlain(inner) || typeof inner.name !== 'string') {
    report({
      code: 'tool-call',
      path,
      message: 'A tool call needs a name.',
      fix: 'Write {"function": {"name": "…", "arguments": "{}"}}.',
    })
    return none
  }
  const inside = [...path, ...(inner === call ? [] : ['function'])]
  const given = argumentsOf(inner.arguments)
  if (given === undefined)
    report({
      code: 'tool-arguments',
      path: inText ? path : [...inside, 'arguments'],
      message: `The arguments of the call of "${inner.name}" are no JSON object.`,
      fix: 'Write them as {"name": value}, as JSON in a text or as they are.',
    })
  const id = typeof call.id === 'string' ? call.id : undefined
  return [{ name: inner.name, id, arguments: given, path, namePath: inText ? undefined : [...inside, 'name'] }]
}

/** A call that stands as JSON in a text, or as it is. */
function written(content: unknown, path: Path, report: Report): readonly CallView[] {
  if (typeof content !== 'string') return oneCall(content, path, report)
  try {
    return oneCall(JSON.parse(content), path, report, true)
  } catch {
    report({ code: 'tool-call', path, message: 'The call is no JSON.', fix: 'Write {"name": "…", "arguments": {…}}.' })
    return none
  }
}

function argumentsOf(given: unknown): Plain | undefined {
  if (given === undefined || given === null) return {}
  if (typeof given !== 'string') return isPlain(given) ? given : undefined
  try {
    const value: unknown = JSON.parse(given)
    return isPlain(value) ? value : undefined
  } catch {
    return undefined
  }
}

function declared(given: unknown, report: Report): ReadonlyMap<string, readonly string[]> | undefined {
  let list = given
  if (given === '') return undefined
  if (typeof given === 'string') {
    try {
      list = JSON.parse(given)
    } catch {
      list = undefined
    }
  }
  if (list === null || (Array.isArray(list) && list.length === 0)) return undefined
  const names = new Map<string, readonly string[]>()
  if (Array.isArray(list))
    for (const item of list) {
      const tool = isPlain(item) && isPlain(item.function) ? item.function : item
      if (!isPlain(tool) || typeof tool.name !== 'string') continue
      const required: unknown = isPlain(tool.parameters) ? tool.parameters.required : undefined
      names.set(tool.name, Array.isArray(required) ? required.filter((one) => typeof one === 'string') : [])
    }
  if (names.size > 0) return names
  report({
    code: 'tools',
    path: ['tools'],
    message: '"tools" declares no tool that has a name.',
    fix: 'Write "tools": [{"name": "…", "parameters": {…}}].',
  })
  return undefined
}

const kindOf = (value: unknown): string =>
  value === null || value === undefined
    ? 'nothing'
    : Array.isArray(value)
      ? 'a list'
      : typeof value === 'object'
        ? 'an object'
        : `a ${typeof value}`
