import { choices } from './random.js'
import { creatures, places, tools, treasures, weather } from './words.js'

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
const skills = ['perception', 'stealth', 'strength', 'persuasion'] as const
const deeds = {
  perception: 'You look around carefully',
  stealth: 'You move without a sound',
  strength: 'You push with all your might',
  persuasion: 'You speak in a friendly voice',
} as const

/**
 * One scene at the table in the second person and the present tense, with a roll whose sum is right: the same world as
 * the stories in another voice, to fine-tune on.
 */
export function scene(seed: number, index: number): string {
  const { pick, integer } = choices(seed, index)
  const place = pick(places)
  const creature = pick(creatures)
  const treasure = pick(treasures)
  const skill = pick(skills)
  const die = 1 + integer(20)
  const bonus = 1 + integer(5)
  const success = die + bonus >= 12
  const outcome = success
    ? pick([
        `*SUCCESS* ${capital(creature.the)} does not see you, and you find ${treasure}.`,
        `*SUCCESS* ${capital(creature.the)} steps aside. Behind it lies ${treasure}.`,
      ])
    : pick([
        `*FAILED* ${capital(creature.the)} turns to you. You lose ${1 + integer(6)} health.`,
        `*FAILED* You drop ${pick(tools)}, and ${creature.the} hears it.`,
      ])
  return [
    `You stand ${place.at}. ${pick(weather).replace('was', 'is').replace('blew', 'blows').replace('lay', 'lies').replace('fell', 'falls')}.`,
    `You see ${pick(place.sights)} and ${creature.a}.`,
    `${deeds[skill]}. [roll: ${skill}]`,
    `${skill}: ${die} + ${bonus} = *${die + bonus}*.`,
    outcome,
    pick(['What do you do?', 'What do you do now?', 'Where do you go?']),
  ].join(' ')
}
