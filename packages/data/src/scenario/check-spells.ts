import { type CheckContext, lineInTurn } from './check-context.js'
import { defaultTools } from './tools.js'

/** Whether spells that are cast are on a sheet, and of a level that there is. */
export function checkSpells(context: CheckContext): void {
  const { scenario, tools, report } = context
  // A spellcast of your own may mean something else.
  if (!tools.some((tool) => tool.name === 'spellcast' && defaultTools.includes(tool))) return
  const spells = scenario.party.flatMap((one) => one.spells.map((spell) => spell.toLowerCase()))
  for (const [index, turn] of scenario.turns.entries()) {
    if (turn.speaker !== 'dm') continue
    for (const { name, arguments: given, start } of turn.calls) {
      const [spell, level] = given
      if (name !== 'spellcast' || spell === undefined || level === undefined) continue
      const warning = { severity: 'warning', line: lineInTurn(context, index, turn.text, start) } as const
      const said = spell.toLowerCase()
      if (Number(level) > 9)
        report({
          ...warning,
          code: 'bad-level',
          message: `No spell is of level ${level}.`,
          fix: 'Levels of spells go from 0 to 9.',
        })
      if (spells.length > 0 && !spells.some((known) => known.includes(said) || said.includes(known)))
        report({
          ...warning,
          code: 'unknown-spell',
          message: `Nobody of the party has the spell ${spell}.`,
          fix: 'Add it to Spells of whoever casts it, or cast another.',
        })
    }
  }
}
