import { simulatedAnnealing } from './anneal.js'
import { simulatedBifurcation } from './bifurcation.js'
import { greedyDescent } from './greedy.js'
import { parallelTempering } from './parallel-tempering.js'
import { populationAnnealing } from './population.js'
import { portfolio } from './portfolio.js'
import { simulatedQuantumAnnealing } from './quantum-annealing.js'
import type { SolverFunction } from './search.js'
import { tabuSearch } from './tabu.js'

/** The heuristics, by the names that users give. */
export const heuristics = {
  portfolio,
  'simulated-annealing': simulatedAnnealing,
  'parallel-tempering': parallelTempering,
  'population-annealing': populationAnnealing,
  'simulated-quantum-annealing': simulatedQuantumAnnealing,
  'simulated-bifurcation': simulatedBifurcation,
  tabu: tabuSearch,
  greedy: greedyDescent,
} as const satisfies Record<string, SolverFunction>

/** `auto` proves the optimum where that is quick and is the portfolio elsewhere. */
export type SolverName = keyof typeof heuristics | 'auto' | 'exact'

export const solverNames: readonly SolverName[] = [
  'auto',
  'exact',
  'portfolio',
  'simulated-annealing',
  'parallel-tempering',
  'population-annealing',
  'simulated-quantum-annealing',
  'simulated-bifurcation',
  'tabu',
  'greedy',
]
