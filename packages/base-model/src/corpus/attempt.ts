import { attemptPhrases } from './phrases/attempts/index.js'
import type { Choices } from './random.js'
import { settle } from './template.js'

export type SkillName = keyof typeof attemptPhrases
export const skillNames = Object.keys(attemptPhrases).filter((name): name is SkillName => name in attemptPhrases)

const frames = [
  'I # .',
  'I # .',
  'I # .',
  'I # .',
  'I # .',
  'I # .',
  'I # .',
  'I try to # .',
  'I want to # .',
  'Can I # ?',
  'Let me # .',
  "I'd like to # .",
  'I carefully # .',
  'I quickly # .',
  'Could I # ?',
  'I will # .',
  'I attempt to # .',
  'I stop and # .',
  'I take a breath and # .',
  'I do my best to # .',
  'I decide to # .',
  'It is close now! I # .',
  'Fine. I # .',
  'I # , and I take my time.',
] as const
const others = [
  '% # .',
  '% # .',
  '% # .',
  '% # .',
  '% # .',
  '% # .',
  '% steps forward and # .',
  '% # , very slowly.',
  'Quick! % # .',
  '% nods and # .',
] as const
const endings = [
  ' while nobody looks',
  ' as fast as I can',
  ' before it is too late',
  ' by the light of the torch',
  ' once more',
  ' if I can',
  ' to find out more',
  ' and hope for the best',
] as const

const irregular: Readonly<Record<string, string>> = { be: 'is', have: 'has' }

/** "try to jump my horse" → "tries to jump their horse". */
export function thirdPerson(does: string): string {
  const [verb = '', ...rest] = does.split(' ')
  const ending = /(?:[sxz]|ch|sh|o)$/.test(verb) ? 'es' : 's'
  const form = irregular[verb] ?? (/[^aeiou]y$/.test(verb) ? `${verb.slice(0, -1)}ies` : `${verb}${ending}`)
  return [form, ...rest]
    .join(' ')
    .replace(/\bmyself\b/g, 'themselves')
    .replace(/\bmy\b/g, 'their')
    .replace(/\bme\b/g, 'them')
    .replace(/\bI(?: am|'m)\b/g, 'they are')
    .replace(/\bI was\b/g, 'they were')
    .replace(/\bI\b/g, 'they')
}

/** One attempt in a player's words, by the player or by `companion` of the party; `somebody` is whoever it is aimed at. */
export function attempt(
  choices: Choices,
  skill: SkillName,
  { somebody, companion, byCompanion }: { somebody: string; companion: string; byCompanion: boolean },
): string {
  const { pick, chance } = choices
  const { does, turns, says } = attemptPhrases[skill]
  const said = pick(says)
  // A whole utterance serves only where it is said of the same one.
  if (chance(0.2) && said.includes('%') === byCompanion) return fill(settle(choices, said), somebody, companion)
  const deed = `${settle(choices, pick(chance(0.75) ? turns : does))}${chance(0.15) ? pick(endings) : ''}`
  const text = byCompanion ? pick(others).replace(' #', ` ${thirdPerson(deed)}`) : pick(frames).replace(' #', ` ${deed}`)
  return fill(text.replace(/ ([.?,])/g, '$1'), somebody, companion)
}

/** Sets the one that it is aimed at, and the companion. */
export function fill(text: string, somebody: string, companion: string): string {
  const set = text.replaceAll('@', somebody).replaceAll('%', companion)
  return set.charAt(0).toUpperCase() + set.slice(1)
}
