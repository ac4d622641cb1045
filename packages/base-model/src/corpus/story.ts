import { choices } from './random.js'
import { creatures, feelings, givers, heroes, places, tools, treasures, weather } from './words.js'

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
/** "a silver key" → "the silver key", for what has been named before. */
const known = (thing: string): string => thing.replace(/^an? /, 'the ')

/**
 * One short adventure in the past tense: who, why, where, whom they met, what came of it.
 * What is named once is named the same to the end, so that a model has something to keep track of.
 */
export function story(seed: number, index: number): string {
  const { pick, chance } = choices(seed, index)
  const hero = pick(heroes)
  const friend = pick(heroes.filter(({ name }) => name !== hero.name))
  const place = pick(places)
  const creature = pick(creatures)
  const treasure = pick(treasures)
  const tool = pick(tools)
  const giver = pick(givers)
  const { name, they, their, them } = hero
  const They = capital(they)

  const opening = pick([
    `${name} was ${hero.kind} who lived near the river.`,
    `Once there was ${hero.kind} named ${name}.`,
    `${pick(weather)} when ${name}, ${hero.kind}, left the village.`,
    `Everyone in the village knew ${name}, ${hero.kind}.`,
  ])
  const quest = pick([
    `One day ${giver} asked ${them} to find ${treasure}.`,
    `${capital(giver)} came to ${them} and said, "Please bring me ${treasure}."`,
    `${They} had promised ${giver} to bring back ${treasure}.`,
    `For years ${they} had dreamed of ${treasure}.`,
  ])
  const company = chance(0.4)
    ? pick([
        `${They} took ${tool} and asked ${friend.name} to come along.`,
        `${friend.name}, ${friend.kind}, went with ${them} and carried ${tool}.`,
      ])
    : pick([`${They} took ${tool} and went alone.`, `With ${tool} in ${their} hand, ${they} set out.`])
  const journey = pick([
    `People said it lay ${place.at}, so ${name} went ${place.to}.`,
    `The road led ${place.to}. ${pick(weather)}.`,
    `After two days ${name} came ${place.to}.`,
  ])
  const sight = pick([
    `There ${they} saw ${pick(place.sights)}.`,
    `${name} looked around and found ${pick(place.sights)}.`,
    `At first ${they} saw only ${pick(place.sights)}, and ${name} felt ${pick(feelings)}.`,
  ])
  const meeting = pick([
    `Then ${creature.a} stepped out of the shadows.`,
    `Suddenly ${they} heard a sound. It was ${creature.a}!`,
    `But ${creature.a} was waiting ${place.at}.`,
  ])
  const won = chance(0.7)
  const outcome = won
    ? pick([
        `${name} raised ${known(tool)} and fought until ${creature.the} ran away.`,
        `"What do you want?" asked ${name}. ${capital(creature.the)} wanted ${creature.wants}, and so they made peace.`,
        `${name} stayed ${pick(['calm', 'quiet'])} and hid until ${creature.the} fell asleep.`,
        `It was a hard fight, but in the end ${creature.the} gave up.`,
      ])
    : pick([
        `${name} tried to fight, but ${creature.the} was too strong, and ${they} had to run.`,
        `${capital(creature.the)} laughed and broke ${known(tool)} in two. ${name} fled.`,
      ])
  const ending = won
    ? pick([
        `Behind ${creature.the} lay ${treasure}. ${name} took it home and was ${pick(['happy', 'proud'])}.`,
        `So ${name} found ${treasure}, and ${giver} thanked ${them} with a feast.`,
        `${They} came back with ${known(treasure)}, and that night the whole village sang.`,
      ])
    : pick([
        `${They} came home without ${known(treasure)}, but ${they} had learned to be careful.`,
        `"Next time," said ${name}, "I will not go alone." And ${they} never forgot ${known(treasure)}.`,
      ])
  return [opening, quest, company, journey, sight, meeting, outcome, ending].join(' ')
}
