import { simulatedAnnealing } from './anneal.js'
import type { Search } from './search.js'
import { tabuSearch } from './tabu.js'

/**
 * What measured best: tabu search with path relinking where couplings are many and most variables depend on each other, annealing of many
 * states at once elsewhere.
 */
export async function portfolio(search: Search): Promise<void> {
  const { size, square } = search.problem
  if (square !== undefined && size > 1500) return tabuSearch(search)
  return simulatedAnnealing(search)
}
