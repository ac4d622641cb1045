import { attempt, fill, type SkillName, skillNames } from './attempt.js'
import { calledName, itemName, somebodyName, spellName } from './names.js'
import type { Member, Party } from './party.js'
import { castings } from './phrases/castings.js'
import { firstBlows } from './phrases/first-blows.js'
import { givings } from './phrases/givings.js'
import { heals } from './phrases/heals.js'
import { hurts } from './phrases/hurts.js'
import { laterBlows } from './phrases/later-blows.js'
import { rolls } from './phrases/rolls.js'
import { saves } from './phrases/saves/index.js'
import { smallTalk } from './phrases/small-talk.js'
import { takings } from './phrases/takings.js'
import type { Choices } from './random.js'
import { settle } from './template.js'

/** What a deed comes to by the rules; everything in it stands in the player's words or on the sheet. */
export type Deed =
  | { readonly kind: 'plain' | 'fight' | 'blow' }
  | { readonly kind: 'skill'; readonly skill: Exclude<SkillName, 'strength'>; readonly bonus: number }
  | { readonly kind: 'force' }
  | { readonly kind: 'endure'; readonly ability: keyof typeof saves }
  | { readonly kind: 'dice'; readonly dice: string; readonly count: number; readonly sides: number; readonly who: string }
  | { readonly kind: 'spell'; readonly spell: string; readonly level: number; readonly target?: string }
  | { readonly kind: 'take' | 'give'; readonly who: string; readonly item: string }
  | { readonly kind: 'hurt' | 'heal'; readonly who: string; readonly amount: number }

export const deedKinds = [
  ...(['plain', 'skill', 'force', 'endure', 'dice', 'spell', 'take', 'give', 'hurt', 'heal', 'fight', 'blow'] as const),
] as const satisfies readonly Deed['kind'][]
export type DeedKind = (typeof deedKinds)[number]

export interface Told {
  /** In the player's words. */
  readonly asked: string
  readonly deed: Deed
}

const abilities = Object.keys(saves).filter((name): name is keyof typeof saves => name in saves)

/** One thing that a player says, and what it comes to. */
export function deed(choices: Choices, kind: DeedKind, { members }: Party, foe: string): Told {
  const { pick, integer, chance } = choices
  const player = members[0]!
  const companion = members.length > 1 ? pick(members.slice(1)) : undefined
  const byCompanion = companion !== undefined && chance(0.4)
  const actor = byCompanion ? companion : player
  const somebody = chance(0.7) ? foe : somebodyName(choices)
  const friend = companion ? calledName(choices, companion.name) : somebodyName(choices)
  const set = (text: string) => fill(settle(choices, text), somebody, friend)
  // What is said of nobody in particular serves the player; what is said of a companion needs one.
  const said = (from: readonly string[]) => set(pick(companion ? from : from.filter((text) => !text.includes('%'))))
  switch (kind) {
    case 'plain':
      return { asked: said(smallTalk), deed: { kind } }
    case 'fight':
      return { asked: said(firstBlows), deed: { kind } }
    case 'blow':
      return { asked: said(laterBlows), deed: { kind } }
    case 'force':
      return { asked: attempt(choices, 'strength', { somebody, companion: friend, byCompanion }), deed: { kind } }
    case 'skill': {
      // Mostly what the one who acts is good at, as in a story that somebody thought out.
      const known = actor.skills.filter(({ name }) => name !== 'strength')
      const own = known.length > 0 && chance(0.75) ? pick(known) : undefined
      const skill = own?.name ?? pick(skillNames.filter((name) => name !== 'strength'))
      const bonus = actor.skills.find(({ name }) => name === skill)?.bonus ?? integer(4)
      return {
        asked: attempt(choices, skill, { somebody, companion: friend, byCompanion }),
        deed: { kind, skill: skill === 'strength' ? 'athletics' : skill, bonus },
      }
    }
    case 'endure': {
      const ability = pick(abilities)
      return { asked: said(saves[ability]), deed: { kind, ability } }
    }
    case 'dice': {
      const count = 1 + integer(3)
      const sides = pick([4, 6, 6, 8, 10, 12])
      const dice = `${count}d${sides}`
      return {
        asked: set(pick(byCompanion ? rolls.theirs : rolls.mine)).replace('#', dice),
        deed: { kind, dice, count, sides, who: actor.name },
      }
    }
    case 'spell':
      return casting(choices, actor, byCompanion, somebody, members)
    case 'take':
    case 'give': {
      const from = kind === 'take' ? takings : givings
      const item = kind === 'give' && chance(0.75) ? pick(actor.items) : itemName(choices)
      const text = withArticles(set(pick(byCompanion ? from.theirs : from.mine)).replaceAll('$', item))
      return { asked: text, deed: { kind, who: actor.name, item } }
    }
    case 'hurt':
    case 'heal': {
      const from = kind === 'hurt' ? hurts : heals
      const amount = 1 + integer(chance(0.3) ? 24 : 12)
      const text = set(pick(byCompanion ? from.theirs : from.mine)).replace('#', `${amount}`)
      return { asked: text, deed: { kind, who: actor.name, amount } }
    }
  }
}

/** "a apple" → "an apple". */
const withArticles = (text: string): string => text.replace(/\b(a) (?=[aeiou])/gi, '$1n ')

function casting(choices: Choices, actor: Member, byCompanion: boolean, somebody: string, members: readonly Member[]): Told {
  const { pick, integer, chance } = choices
  const spell = actor.spells.length > 0 && chance(0.85) ? pick(actor.spells) : spellName(choices)
  const level = integer(6)
  const friends = members.filter(({ name }) => name !== actor.name)
  const target = friends.length > 0 && chance(0.2) ? pick(friends).name : somebody
  const words = pick(byCompanion ? castings.theirs : castings.mine)
  const asked = fill(settle(choices, words), target, calledName(choices, actor.name)).replace('$', spell).replace('#', `${level}`)
  const aimed = words.includes('@') ? { target: target.replace(/^the /, '') } : {}
  return { asked, deed: { kind: 'spell', spell, level, ...aimed } }
}
