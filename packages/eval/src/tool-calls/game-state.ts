import type { BracketCall } from './call.js'
import { normaliseName } from './normalise.js'

/** What the calls of a game master change. */
export interface GameState {
  readonly health: Readonly<Record<string, number>>
  readonly inventory: Readonly<Record<string, readonly string[]>>
  readonly combat: boolean
}

export interface Applied {
  readonly state: GameState
  /** What the tool says to the model. */
  readonly result: string
}

/** The entry of a name, in the spelling that the state has. */
const spelling = (names: Readonly<Record<string, unknown>>, name: string): string =>
  Object.keys(names).find((one) => normaliseName(one) === normaliseName(name)) ?? name

/**
 * The state after a call. Only what needs no dice changes it; other tools answer with `result`.
 *
 * @example
 * ```ts
 * applyCall({ health: { Mira: 12 }, inventory: {}, combat: false }, { name: 'health', arguments: ['Mira', '-4'] }).result // 'Mira: 8'
 * ```
 */
export function applyCall(state: GameState, { name, arguments: given }: BracketCall, result = 'done'): Applied {
  const [who = '', what = ''] = given
  switch (normaliseName(name)) {
    case 'health': {
      const character = spelling(state.health, who)
      const amount = Number(what.replace(/[\u2010-\u2015\u2212]/g, '-').replaceAll(' ', ''))
      const before = Object.hasOwn(state.health, character) ? state.health[character] : undefined
      if (before === undefined || !Number.isFinite(amount)) return { state, result: `error: ${who} has no health` }
      const health = Math.max(0, before + amount)
      return { state: { ...state, health: { ...state.health, [character]: health } }, result: `${character}: ${health}` }
    }
    case 'inventory': {
      const character = spelling(state.inventory, who)
      const taken = /^[-\u2010-\u2015\u2212]/.test(what.trim())
      const item = normaliseName(what.trim().replace(/^[-+\u2010-\u2015\u2212]\s*/, ''))
      const before = (Object.hasOwn(state.inventory, character) && state.inventory[character]) || []
      const at = before.findIndex((one) => normaliseName(one) === item)
      if (taken && at < 0) return { state, result: `error: ${character} has no ${item}` }
      const after = taken ? before.filter((_, i) => i !== at) : [...before, item]
      return {
        state: { ...state, inventory: { ...state.inventory, [character]: after } },
        result: `${character}: ${after.join(', ') || 'nothing'}`,
      }
    }
    case 'begin combat':
      return { state: { ...state, combat: true }, result }
    case 'end combat':
      return { state: { ...state, combat: false }, result }
    default:
      return { state, result }
  }
}

/** Whether two states say the same; things carried have no order. */
export function sameState(a: GameState, b: GameState): boolean {
  const plain = ({ health, inventory, combat }: GameState) =>
    JSON.stringify([
      Object.entries(health).sort(),
      Object.entries(inventory)
        .map(([who, things]) => [who, things.map(normaliseName).sort()] as const)
        .sort(([x], [y]) => (x < y ? -1 : 1)),
      combat,
    ])
  return plain(a) === plain(b)
}
