import { acrobatics } from './acrobatics.js'
import { animalHandling } from './animal-handling.js'
import { arcana } from './arcana.js'
import { athletics } from './athletics.js'
import type { AttemptPhrases } from './attempt-phrases.js'
import { deception } from './deception.js'
import { history } from './history.js'
import { insight } from './insight.js'
import { intimidation } from './intimidation.js'
import { investigation } from './investigation.js'
import { medicine } from './medicine.js'
import { nature } from './nature.js'
import { perception } from './perception.js'
import { performance } from './performance.js'
import { persuasion } from './persuasion.js'
import { religion } from './religion.js'
import { sleightOfHand } from './sleight-of-hand.js'
import { stealth } from './stealth.js'
import { strength } from './strength.js'
import { survival } from './survival.js'

/** What players try, in their words, by the skill that it takes. */
export const attemptPhrases = {
  perception,
  investigation,
  stealth,
  persuasion,
  deception,
  intimidation,
  insight,
  athletics,
  acrobatics,
  'sleight of hand': sleightOfHand,
  arcana,
  history,
  nature,
  religion,
  medicine,
  survival,
  'animal handling': animalHandling,
  performance,
  strength,
} as const satisfies Readonly<Record<string, AttemptPhrases>>
