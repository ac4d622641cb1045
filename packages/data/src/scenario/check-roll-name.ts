import { type CheckContext, swapOnLine } from './check-context.js'
import type { ScenarioCall } from './model.js'
import { isAbility, isSkill, rollName } from './skills.js'
import { defaultTools, type ScenarioTool } from './tools.js'

/** Whether what is rolled for is a skill or an ability, and one that the tool takes. */
export function checkRollName(context: CheckContext, call: ScenarioCall, tool: ScenarioTool, text: string, line: number): void {
  const { report, scenario } = context
  // Other tools belong to other games, which have skills of their own.
  const usual = defaultTools.includes(tool)
  const name = rollName(text, scenario.party)
  if (name.known) {
    if (usual) checkKind(context, call, text, line)
    return
  }
  if (!usual && name.right === undefined) return
  const right = name.right === undefined ? undefined : call.text.replace(text, name.right)
  report({
    code: 'unknown-skill',
    ...(usual ? {} : { severity: 'warning' as const }),
    line,
    message: `"${text}" in ${call.text} is no skill and no ability that is known here.`,
    fix:
      right === undefined
        ? 'Write a skill (perception), an ability (strength) or attack; or give it to a character of the party under Skills.'
        : swapOnLine(context, line, `Write ${right}; or give the skill to a character of the party.`, call.text, right),
  })
}

/** A save is of an ability; a check of a skill is a roll. */
function checkKind(context: CheckContext, call: ScenarioCall, text: string, line: number): void {
  if (isAbility(text) || !isSkill(text)) return
  if (call.name === 'save')
    context.report({
      code: 'unknown-skill',
      line,
      message: `${call.text} asks for a save of a skill.`,
      fix: 'Write an ability: [save: dexterity]; or roll for the skill: [roll: stealth].',
    })
  else if (call.name === 'check') {
    const right = call.text.replace(/check/i, 'roll')
    context.report({
      code: 'skill-in-check',
      severity: 'warning',
      line,
      message: `${call.text} checks a skill; a check is of an ability.`,
      fix: swapOnLine(context, line, `Write ${right}.`, call.text, right),
    })
  }
}
