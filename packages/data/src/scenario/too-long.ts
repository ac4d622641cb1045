import type { Problem } from './finding.js'

/** A scenario is one conversation: what is longer is no scenario, or many in one file. */
const mostBytes = 256 * 1024
export const mostTurns = 200
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

export const manyTurns = (count: number): Problem => ({
  code: 'too-long',
  line: 1,
  message: `This scenario has ${count} turns, more than ${mostTurns}.`,
  fix: 'Cut it into scenarios, a file each.',
})
