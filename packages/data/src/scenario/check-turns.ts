import type { CheckContext } from './check-context.js'
import type { Fix } from './finding.js'
import { closeTag, openTag } from './section-names.js'

const who = { user: 'User', dm: 'DM', tool: 'TOOLCALL' } as const

/** Turns that say nothing, and turns of the same speaker one after the other. */
export function checkTurns(context: CheckContext): void {
  const { scenario, places, report } = context
  for (const [index, turn] of scenario.turns.entries()) {
    const line = places.marks[index]!
    if (turn.text === '')
      report({ code: 'empty-turn', line, message: `This ${who[turn.speaker]} turn is empty.`, fix: removal(context, index) })
    const before = scenario.turns[index - 1]
    if (before?.speaker !== turn.speaker || turn.text === '' || before.text === '') continue
    const copy = before.text === turn.text
    report({
      code: copy ? 'copied-turn' : 'repeated-speaker',
      ...(copy ? {} : { severity: 'warning' as const }),
      line,
      message: copy
        ? `This ${who[turn.speaker]} turn is the same as the one before it.`
        : `Two ${who[turn.speaker]} turns follow each other.`,
      fix: copy ? removal(context, index) : joining(context, index),
    })
  }
}

/** Takes a whole turn out, where its lines are its own. */
function removal({ lines, places, spelling, scenario }: CheckContext, index: number): Fix {
  const line = places.marks[index]!
  const label = 'Remove it, or write what is said.'
  const { speaker } = scenario.turns[index]!
  if (spelling !== 'tags') {
    const to = (places.marks[index + 1] ?? lines.length + 1) - 1
    return scenario.turns[index]!.text === '' ? { label, line, replace: [] } : { label: 'Remove it.', line, to, replace: [] }
  }
  const close = closeTag(speaker).toLowerCase()
  const end = lines.slice(line - 1).find(({ text }) => text.toLowerCase().includes('</'))
  const first = lines[line - 1]!.text.trim().toLowerCase()
  const whole = first.startsWith(openTag(speaker).toLowerCase()) && end?.text.trim().toLowerCase().endsWith(close)
  return whole && end ? { label, line, to: end.number, replace: [] } : { label }
}

/** Takes out what stands between two turns. */
function joining({ lines, places, spelling, scenario }: CheckContext, index: number): Fix {
  const label = 'Join them, or put what the other says between them.'
  const line = places.marks[index]!
  const { speaker } = scenario.turns[index]!
  if (spelling !== 'tags') return { label, line, replace: [] }
  const above = lines.slice(0, line - 1).findLast(({ text }) => text.trim() !== '')
  const bare = (text: string | undefined, tag: string) => text?.trim().toLowerCase() === tag.toLowerCase()
  return above && bare(above.text, closeTag(speaker)) && bare(lines[line - 1]!.text, openTag(speaker))
    ? { label, line: above.number, to: line, replace: [''] }
    : { label }
}
