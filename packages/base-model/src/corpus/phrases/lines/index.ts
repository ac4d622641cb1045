import { casting } from './casting.js'
import { fight } from './fight.js'
import { heal } from './heal.js'
import { hurt } from './hurt.js'
import { item } from './item.js'
import { tense } from './tense.js'

/** What the game master says with a call, by what it is for. */
export const lines = { casting, fight, heal, hurt, item, tense } as const
