import type { Problem } from './finding.js'
import type { LocatedScenario } from './parse-scenario.js'

/** A scenario is one conversation: what is longer is no scenario, or many in one file. */
const mostBytes = 256 * 1024
const mostTurns = 200
/** In one turn. */
const mostLetters = 16 * 1024
/** In one turn. */
export const mostCalls = 20

/** Whether a text of so many bytes (or characters) is too long to be looked at. */
export const tooLong = (size: number): Problem | undefined =>
  size <= mostBytes
    ? undefined
    : {
        code: 'too-long',
        line: 1,
        message: `This file has ${Math.ceil(size / 1024)} KB; a scenario has at most ${mostBytes / 1024}.`,
        fix: 'Cut it into scenarios, a file each, or take it out.',
      }

/** Of a conversation as a whole, and of its longest turn. */
export function tooMuchSaid({ scenario: { turns }, places }: LocatedScenario): Problem | undefined {
  const fix = 'Cut it into scenarios, a file each.'
  if (turns.length > mostTurns)
    return { code: 'too-long', line: 1, message: `This scenario has ${turns.length} turns, more than ${mostTurns}.`, fix }
  const index = turns.findIndex(({ text }) => text.length > mostLetters)
  return index < 0
    ? undefined
    : {
        code: 'too-long',
        line: places.marks[index]!,
        message: `This turn has ${turns[index]!.text.length} characters, more than ${mostLetters}.`,
        fix: 'Write what is said, in a few sentences.',
      }
}
