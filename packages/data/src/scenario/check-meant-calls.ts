import { nearest } from '@qt/core'
import { type CheckContext, lineInTurn, swapOnLine } from './check-context.js'
import type { Fix } from './finding.js'
import type { ScenarioCall } from './model.js'
import { parseCalls } from './parse-calls.js'
import type { ScenarioTool } from './tools.js'
import { usage } from './tools.js'

/** Other words for tools that have none near them in spelling. */
const otherWords: Readonly<Record<string, string>> = {
  'start fight': 'begin combat',
  'start combat': 'begin combat',
  'begin fight': 'begin combat',
  'enter combat': 'begin combat',
  combat: 'begin combat',
  fight: 'begin combat',
  heal: 'health',
  damage: 'health',
  cast: 'spellcast',
  item: 'inventory',
}

/** The tool that a word in brackets was most likely meant to be. */
export function toolNear(name: string, tools: readonly ScenarioTool[]): ScenarioTool | undefined {
  const word = name.trim().toLowerCase()
  const near =
    otherWords[word] ??
    nearest(
      word,
      tools.map((tool) => tool.name),
    )
  return tools.find((tool) => tool.name === near)
}

const otherBrackets = /[({｛（【［]\s*([A-Za-z][A-Za-z ]{1,38}?)\s*(?:[:：]([^()[\]{}｛｝（）【】［］\n]{0,200}))?[)}｝）】］]/g
const nested = /\[\s*([A-Za-z][A-Za-z ]{1,38}?)\s*:([^[\]\n]{0,100}\[[^[\]\n]{0,100}\][^[\]\n]{0,100})\]/g
const words = /\[([A-Za-z][A-Za-z ]{2,30})\](?!\()/g

/** What stands in a turn like a call and is none: other brackets, brackets in brackets, other words. */
export function checkMeantCalls(context: CheckContext, turn: number, text: string, calls: readonly ScenarioCall[]): void {
  const { tools } = context
  for (const match of text.matchAll(otherBrackets)) {
    const [whole, name, rest] = match
    const tool = tools.find((one) => one.name === name!.trim().toLowerCase().replace(/\s+/g, ' '))
    // One word in parentheses is an aside.
    if (tool === undefined || (whole.startsWith('(') && rest === undefined && !tool.name.includes(' '))) continue
    told(tool, whole, rest === undefined ? `[${tool.name}]` : `[${tool.name}: ${rest.normalize('NFKC').trim()}]`, match.index)
  }
  for (const match of text.matchAll(nested)) {
    const tool = tools.find((one) => one.name === match[1]!.trim().toLowerCase())
    if (tool) told(tool, match[0], `[${tool.name}: ${match[2]!.replace(/[[\]]/g, '').trim()}]`, match.index)
  }
  for (const match of text.matchAll(words)) {
    if (calls.some(({ start }) => start === match.index)) continue
    const tool = toolNear(match[1]!, tools)
    if (tool) told(tool, match[0], `[${tool.name}]`, match.index)
  }

  function told(tool: ScenarioTool, from: string, right: string, offset: number): void {
    const line = lineInTurn(context, turn, text, offset)
    const given = parseCalls(right, tools)[0]?.arguments.length ?? 0
    const needed = tool.arguments.filter(({ optional }) => !optional).length
    const fits = given >= needed && given <= tool.arguments.length
    const fix: Fix | string = fits
      ? swapOnLine(context, line, `Write ${right}.`, from, right)
      : `If it is meant to be one, write ${usage(tool)}.`
    context.report({ code: 'meant-call', severity: 'warning', line, message: `${from} is no tool call.`, fix })
  }
}
