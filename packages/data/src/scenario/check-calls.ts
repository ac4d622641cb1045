import { nearest } from '@qt/core'
import { type CheckContext, lineInTurn, swapOnLine } from './check-context.js'
import { checkMeantCalls, toolNear } from './check-meant-calls.js'
import { checkRollName } from './check-roll-name.js'
import { parseDice } from './dice.js'
import type { Fix } from './finding.js'
import type { ScenarioCall } from './model.js'
import { parseCalls } from './parse-calls.js'
import { mostCalls } from './too-long.js'
import { type ScenarioTool, type ToolArgumentKind, usage } from './tools.js'

/** Whether the tools that turns call are there, and are given what they need. */
export function checkCalls(context: CheckContext): void {
  const { scenario, tools, report } = context
  for (const [index, turn] of scenario.turns.entries()) {
    if (turn.speaker === 'dm') {
      if (turn.calls.length > mostCalls) manyCalls(context, index, turn.calls.length)
      else for (const call of turn.calls) checkCall(context, call, lineInTurn(context, index, turn.text, call.start))
      checkBrackets(context, index, turn.text)
      checkMeantCalls(context, index, turn.text, turn.calls)
    } else if (turn.speaker === 'user')
      for (const call of parseCalls(turn.text, tools))
        if (tools.some(({ name }) => name === call.name))
          report({
            code: 'call-by-user',
            severity: 'warning',
            line: lineInTurn(context, index, turn.text, call.start),
            message: `The user calls ${call.text}.`,
            fix: 'Let the user say it in words, and the DM make the call.',
          })
  }
}

const manyCalls = ({ places, report }: CheckContext, turn: number, count: number): void =>
  report({
    code: 'too-long',
    line: places.turns[turn]!,
    message: `This turn makes ${count} calls, more than ${mostCalls}.`,
    fix: 'Keep the calls that what is told in it asks for.',
  })

function checkCall(context: CheckContext, call: ScenarioCall, line: number): void {
  const { tools, report } = context
  const tool = tools.find(({ name }) => name === call.name)
  if (tool === undefined) {
    const near = toolNear(call.name, tools)?.name
    const right = near === undefined ? undefined : call.text.replace(/[^[:\]]+/, near)
    report({
      code: 'unknown-tool',
      line,
      message: `There is no tool "${call.name}".`,
      fix:
        right === undefined
          ? `Declare it, or use one of: ${tools.map(({ name }) => name).join(', ')}.`
          : swapOnLine(context, line, `Write ${right}, or declare the tool.`, call.text, right),
    })
    return
  }
  // How hard it is may follow what a roll is for: [check: stealth, DC 15].
  const given = tool.returns ? call.arguments.filter((text) => !/^DC \d{1,3}$/i.test(text)) : call.arguments
  const needed = tool.arguments.filter(({ optional }) => !optional).length
  if (given.length < needed || given.length > tool.arguments.length) {
    report({
      code: 'wrong-arguments',
      line,
      message: `${call.text} has ${given.length} argument${given.length === 1 ? '' : 's'}.`,
      fix: `Write ${usage(tool)}.`,
    })
    return
  }
  for (const [position, text] of given.entries()) checkArgument(context, call, tool, position, text, line)
}

function checkArgument(
  context: CheckContext,
  call: ScenarioCall,
  tool: ScenarioTool,
  position: number,
  text: string,
  line: number,
): void {
  const { report } = context
  const { name, kind } = tool.arguments[position]!
  if (kind === 'character') return checkCharacter(context, call, text, line)
  const wrong = kinds[kind](text)
  if (wrong === undefined) {
    if ((kind === 'skill' || kind === 'dice or skill') && parseDice(text) === undefined)
      checkRollName(context, call, tool, text, line)
    return
  }
  const right = wrong.right === undefined ? undefined : call.text.replace(text, wrong.right)
  const fix: Fix | string = right === undefined ? wrong.label : swapOnLine(context, line, `Write ${right}.`, call.text, right)
  report({
    code: 'wrong-arguments',
    line,
    message: `"${text}" in ${call.text} is no ${kind === 'dice or skill' ? 'skill and no dice' : name}.`,
    fix,
  })
}

type Check = (text: string) => { label: string; right?: string } | undefined
const words = /^[\p{L}][\p{L}' -]*$/u

const kinds: Readonly<Record<Exclude<ToolArgumentKind, 'character'>, Check>> = {
  amount: (text) =>
    /^[+\-−]\d{1,5}$/.test(text) || (/^[+\-−]/.test(text) && parseDice(text.slice(1)) !== undefined)
      ? undefined
      : {
          label: 'Write -4 for a wound of 4, +4 for healing.',
          // A dash that a word processor made of the minus.
          ...(/^[–—]\s*\d{1,5}$/.test(text) ? { right: text.replace(/^[–—]\s*/, '-') } : {}),
        },
  item: (text) =>
    /^[+\-−]\s*\S/.test(text) ? undefined : { label: 'Write +rope for what is gained, -rope for what is used up.' },
  'dice or skill': (text) =>
    parseDice(text) || words.test(text) ? undefined : { label: 'Write a skill (perception) or dice (3d6+2).' },
  skill: (text) => (words.test(text) ? undefined : { label: 'Write the name of a skill or an ability.' }),
  number: (text) => {
    if (/^\d{1,4}$/.test(text)) return undefined
    const digits = /^cantrip$/i.test(text) ? '0' : /^(?:level|lvl)?\s*(\d{1,4})(?:st|nd|rd|th)?$/i.exec(text)?.[1]
    return { label: 'Write a number.', ...(digits === undefined ? {} : { right: digits }) }
  },
  text: (text) => (text === '' ? { label: 'Say what.' } : undefined),
}

/** The whole party, too, can be meant. */
export const everyone: ReadonlySet<string> = new Set(['party', 'the party', 'all', 'everyone'])

function checkCharacter(context: CheckContext, call: ScenarioCall, text: string, line: number): void {
  const { scenario, report } = context
  const names = scenario.party.flatMap(({ name }) => [name, name.split(/\s/)[0]!])
  if (everyone.has(text.toLowerCase()) || names.some((name) => name.toLowerCase() === text.toLowerCase())) return
  const near = nearest(text, names)
  const right = near === undefined ? undefined : call.text.replace(text, () => near)
  report({
    code: 'unknown-character',
    ...(near === undefined ? { severity: 'warning' as const } : {}),
    line,
    message: `"${text}" in ${call.text} is nobody of the party.`,
    fix:
      right === undefined
        ? 'Use the name of a character of the party, or add the character.'
        : swapOnLine(context, line, `Write ${right}, or add the character to the party.`, call.text, right),
  })
}

/** Square brackets that open and never close, or the other way round. */
function checkBrackets(context: CheckContext, turn: number, text: string): void {
  const { tools, report, places } = context
  for (const [index, content] of text.split('\n').entries()) {
    const line = places.turns[turn]! + index
    const open = unbalanced(content)
    if (open === undefined) continue
    const start = /\[\s*([a-z][a-z ]*)(:[^[\]]*?)?([.!?]?\s*)$/i.exec(content)
    const known = open === '[' && start !== null && tools.some(({ name }) => name === start[1]!.trim().toLowerCase())
    const right = known ? `${start[0].trimEnd().replace(/[.!?]$/, '')}]` : undefined
    report({
      code: 'unbalanced-bracket',
      line,
      message: open === '[' ? 'A bracket [ is not closed on its line.' : 'A bracket ] closes nothing.',
      fix:
        right === undefined || start === null
          ? 'A tool call stands in brackets on one line: [roll: perception].'
          : swapOnLine(context, line, `Write ${right}.`, start[0].trimEnd(), right),
    })
  }
}

function unbalanced(text: string): '[' | ']' | undefined {
  let depth = 0
  for (const letter of text) {
    if (letter === '[') depth++
    else if (letter === ']' && --depth < 0) return ']'
  }
  return depth > 0 ? '[' : undefined
}
