import { readFile } from 'node:fs/promises'
import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { durationText } from '../print/units.js'

export const solve = defineVerb({
  name: 'solve',
  summary: 'Minimise a QUBO, an Ising model, or cut a graph.',
  details:
    'The energy is that of the file’s own convention; for a graph it is the negative of the cut. The solution is 0 or 1 for each variable in order; 0 is −1 for spins. After Ctrl-C the best so far is given, with exit code 130.',
  positionals: [{ name: 'FILE', description: 'A model: COO, .qubo, G-set, biqmac, D-Wave’s BQM file or JSON.', required: true }],
  flags: {
    format: { type: 'text', value: 'F', description: 'coo, qubo, gset, biqmac, bqm or json; left out: by name and content.' },
    solver: {
      type: 'text',
      value: 'S',
      description:
        'auto, exact, portfolio, simulated-annealing, parallel-tempering, population-annealing, simulated-quantum-annealing, simulated-bifurcation, tabu or greedy; left out: auto.',
    },
    time: { type: 'number', value: 'SECONDS', description: 'At most; left out: 1.' },
    seed: { type: 'number', value: 'N', description: 'Left out: 1.' },
    sweeps: { type: 'number', value: 'N', description: 'A fixed amount of work instead of a time: the same result everywhere.' },
    reads: { type: 'number', value: 'N', description: 'Runs of --sweeps each; left out: 1.' },
    target: { type: 'number', value: 'E', description: 'Stop at this energy; for a graph, at this cut.' },
    maximise: { type: 'boolean', description: 'The file is to be maximised, where its format leaves that open.' },
    minimise: {
      type: 'boolean',
      description: 'The file is to be minimised, also where a comment in it makes it one of Beasley’s.',
    },
    threads: { type: 'number', value: 'N', description: 'Left out: as many as the process may use.' },
    engine: { type: 'text', value: 'E', description: 'native or wasm; left out: native where it is built.' },
  },
  examples: [
    'qt solve G1.txt --time 5',
    'qt solve model.qubo --solver parallel-tempering --time 5 --seed 1 --json',
    'qt solve model.coo --sweeps 1000 --reads 32 --seed 1 --json',
  ],
  async run({ flags, positionals, io }) {
    const file = positionals[0]!
    const { cutOf, formats, readProblem, solve, solverNames, valueIn } = await need('@qt/quantum', () => import('@qt/quantum'))
    const format = oneOf('format', flags.format, formats)
    const solver = oneOf('solver', flags.solver, solverNames)
    const engine = oneOf('engine', flags.engine, ['native', 'wasm'] as const)
    if (flags.maximise && flags.minimise)
      throw usageError('USAGE_BAD_VALUE', '--maximise and --minimise exclude each other.', { actions: ['Give one of them.'] })
    const sense = flags.maximise ? 'maximise' : flags.minimise ? 'minimise' : undefined
    const problem = readProblem(await readFile(file), { format, file, sense })
    for (const warning of problem.warnings) io.note(`warning: ${warning}\n`)
    const progress = status(io)
    const shown = (energy: number) => cutOf(problem, energy) ?? valueIn(problem, energy)
    const { target } = flags
    return withInterrupt(async (signal) => {
      const result = await solve(problem.model, {
        solver,
        engine,
        signal,
        time: flags.time,
        seed: flags.seed,
        sweeps: flags.sweeps,
        reads: flags.reads,
        threads: flags.threads,
        target: target === undefined ? undefined : problem.maxCut || problem.sense === 'maximise' ? -target : target,
        onProgress: ({ energy, seconds }) => progress.update(`${durationText(seconds)}  ${shown(energy)}`),
      })
      progress.end()
      for (const warning of result.warnings) io.note(`warning: ${warning}\n`)
      const energy = valueIn(problem, result.energy)
      const cut = cutOf(problem, result.energy)
      const { size, values } = problem.model
      io.out(`${size} variables, ${values.length} couplings (${problem.format})\n`)
      io.out(`${cut === undefined ? `energy ${energy}` : `cut ${cut}`}${result.proven ? ', proven optimal' : ''}\n`)
      if (signal.aborted) io.out('interrupted: this is the best so far\n')
      io.out(`${result.solver} on ${result.engine}, ${durationText(result.seconds)}, ${result.sweeps} sweeps\n`)
      io.document({
        energy,
        ...(cut === undefined ? {} : { cut }),
        solution: [...result.solution],
        ...(problem.model.labels ? { labels: problem.model.labels } : {}),
        solver: result.solver,
        engine: result.engine,
        proven: result.proven,
        seconds: result.seconds,
        sweeps: result.sweeps,
        format: problem.format,
        warnings: [...problem.warnings, ...result.warnings],
        interrupted: signal.aborted,
      })
      return signal.aborted ? 130 : 0
    })
  },
})

function oneOf<const T extends string>(flag: string, text: string | undefined, allowed: readonly T[]): T | undefined {
  if (text === undefined) return undefined
  const found = allowed.find((one) => one === text.toLowerCase())
  if (found !== undefined) return found
  throw usageError('USAGE_BAD_VALUE', `--${flag} is "${text}".`, { actions: [`Use one of ${allowed.join(', ')}.`] })
}
