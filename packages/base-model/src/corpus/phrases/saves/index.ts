import { charisma } from './charisma.js'
import { constitution } from './constitution.js'
import { dexterity } from './dexterity.js'
import { intelligence } from './intelligence.js'
import { strength } from './strength.js'
import { wisdom } from './wisdom.js'

/** What a player says who withstands something, by the ability that it takes. */
export const saves = { strength, dexterity, constitution, intelligence, wisdom, charisma } as const
