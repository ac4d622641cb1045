/** The tools of the tests: what a game master may call. */
export const tools = [
  { name: 'roll', arguments: [{ name: 'what' }] },
  { name: 'health', arguments: [{ name: 'character' }, { name: 'amount' }] },
  { name: 'inventory', arguments: [{ name: 'character' }, { name: 'item' }] },
  { name: 'begin combat', arguments: [] },
]
