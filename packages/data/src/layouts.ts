import { looksLikeScenario } from './scenario/detect-scenario.js'

/** The shapes that records of training data come in, each by the name that it goes by. */
export const layouts = [
  'tokens',
  'preference',
  'openai',
  'sharegpt',
  'alpaca',
  'structured-instruction',
  'prompt-completion',
  'question-answer',
  'the-stack',
  'codesearchnet',
  'scenario',
  'text',
] as const
export type Layout = (typeof layouts)[number]

type Plain = Readonly<Record<string, unknown>>
type Has = (...keys: readonly string[]) => boolean

/** The keys of an instruction and of its answer, in the order in which they are looked for. */
export const instructionKeys = ['instruction', 'instructions'] as const
export const answerKeys = ['output', 'response', 'completion', 'answer', 'target'] as const
const questionKeys = ['question', 'query', 'input', 'problem'] as const
/** The keys of a conversation. */
export const talkKeys = ['messages', 'conversations', 'conversation'] as const
/** Of a preference pair: what both answers answer. */
export const askKeys = ['prompt', 'question', 'instruction', 'input'] as const
export const promptKeys = [...askKeys, ...talkKeys] as const

const signs: readonly (readonly [Layout, (has: Has, value: Plain) => boolean])[] = [
  ['tokens', (has) => has('input_ids')],
  ['preference', (has) => has('chosen', 'rejected')],
  ['openai', (has, value) => has('messages') || (has('conversation') && firstHas(value.conversation, 'role'))],
  ['sharegpt', (has) => has('conversations') || has('conversation')],
  [
    'structured-instruction',
    (has, value) => has('instruction', 'output') && typeof value.output === 'object' && value.output !== null,
  ],
  ['alpaca', (has) => instructionKeys.some((key) => has(key)) && answerKeys.some((key) => has(key))],
  ['prompt-completion', (has) => has('prompt') && (has('completion') || has('response'))],
  [
    'codesearchnet',
    (has) => codeKeys.some((key) => has(key)) && (has('func_name') || has('func_documentation_string') || has('docstring')),
  ],
  ['the-stack', (has) => has('content') && stackKeys.some((key) => has(key))],
  ['question-answer', (has) => questionKeys.some((key) => has(key)) && answerKeys.some((key) => has(key))],
  ['text', (has) => has('text') || has('content')],
]

/** Where CodeSearchNet has the code, in its own files and in those of the hub. */
export const codeKeys = ['whole_func_string', 'original_string', 'code', 'func_code_string'] as const
const stackKeys = ['max_stars_repo_path', 'max_stars_repo_name', 'hexsha', 'blob_id', 'repo_name', 'lang', 'programming_language']

/** The first key of some that a record has. */
export const firstKey = (value: Plain, keys: readonly string[]): string | undefined =>
  keys.find((key) => Object.hasOwn(value, key))

/** Of a preference pair: the key of what both answers answer. A conversation is that only where it is a list of messages: others have its number there. */
export const promptKeyOf = (value: Plain): (typeof promptKeys)[number] | undefined =>
  promptKeys.find((key) => Object.hasOwn(value, key) && (!isTalkKey(key) || isTalk(value[key])))

export const isTalkKey = (key: string | undefined): boolean => talkKeys.some((one) => one === key)

const isTalk = (list: unknown): boolean => firstHas(list, 'role') || firstHas(list, 'from')

/** The keys of a question and its answer. */
export const questionAnswer = (value: Plain): readonly [string, string] | undefined => {
  const [ask, answer] = [firstKey(value, questionKeys), firstKey(value, answerKeys)]
  return ask === undefined || answer === undefined ? undefined : [ask, answer]
}

/**
 * The layout of a record by its keys, or undefined for one that is not known.
 *
 * @example
 * ```ts
 * layoutOf({ conversations: [{ from: 'human', value: 'Hi' }] }) // 'sharegpt'
 * ```
 */
export function layoutOf(value: Readonly<Record<string, unknown>>, file?: string): Layout | undefined {
  const has: Has = (...keys) => keys.every((key) => Object.hasOwn(value, key))
  if (file !== undefined && isMarkdown.test(file) && typeof value.text === 'string' && looksLikeScenario(value.text))
    return 'scenario'
  return signs.find(([, sign]) => sign(has, value))?.[0]
}

const isMarkdown = /\.md(\.gz|\.zst)?$/i

function firstHas(list: unknown, key: string): boolean {
  const first: unknown = Array.isArray(list) ? list[0] : undefined
  return typeof first === 'object' && first !== null && Object.hasOwn(first, key)
}

/**
 * A record with what files of cells hide brought to light: keys in small letters where only so they are known ("Question"), and lists
 * and objects that stand as JSON in a text. A prompt and its answer are that only where both are messages: other JSON is what was said.
 */
export function opened(value: Plain): Plain {
  let known = value
  if (layoutOf(value) === undefined) {
    const small = Object.fromEntries(Object.entries(value).map(([key, one]) => [key.trim().toLowerCase(), one]))
    if (layoutOf(small) !== undefined) known = small
  }
  let copy: Record<string, unknown> | undefined
  for (const key of nested) {
    const text = known[key]
    if (typeof text !== 'string' || !/^\s*[[{]/.test(text)) continue
    const parsed = parsedJson(text)
    if (parsed !== undefined) copy = { ...(copy ?? known), [key]: parsed }
  }
  const answerKey = firstKey(known, ['chosen', 'completion', 'response'])
  if (answerKey === undefined || (typeof known.prompt !== 'string' && typeof known[answerKey] !== 'string')) return copy ?? known
  const [prompt, answer] = [talkIn(known.prompt), talkIn(known[answerKey])]
  return prompt && answer ? { ...(copy ?? known), prompt, [answerKey]: answer } : (copy ?? known)
}

/** A list of messages, as it is or as JSON in a text. */
function talkIn(value: unknown): unknown {
  const list = typeof value === 'string' && /^\s*\[/.test(value) ? parsedJson(value) : value
  return isTalk(list) ? list : undefined
}

const nested = [...talkKeys, 'chosen', 'rejected', 'input_ids', 'labels', 'tools'] as const

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
