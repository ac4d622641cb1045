import { command, tail } from './command.js'
import { type Outcome, single } from './outcome.js'
import { runVitest } from './vitest.js'

/** Every package with its native parts, as far as Nx's cache does not have them. */
export async function build(): Promise<Outcome> {
  const result = await command('nx', ['run-many', '-t', 'build', '--output-style=stream-without-prefixes'], { show: true })
  return single('build', result.code === 0)
}

/** Types, formatting and lint, arrows between packages, unit tests. */
export async function check(): Promise<Outcome[]> {
  return [
    await step('types', 'nx', ['run-many', '-t', 'types']),
    await step('biome', 'biome', ['check', '.']),
    await boundaries(),
    await runVitest('unit'),
  ]
}

async function boundaries(): Promise<Outcome> {
  // The rule reads Nx's project graph from its cache and passes everything when there is none.
  const graph = await command('nx', ['show', 'projects'])
  if (graph.code !== 0) {
    console.error(tail(graph))
    return single('boundaries', false, 'Nx could not make the project graph')
  }
  return step('boundaries', 'eslint', ['.'])
}

async function step(name: string, program: string, args: readonly string[]): Promise<Outcome> {
  console.log(`\n── ${name}: ${program} ${args.join(' ')}`)
  const result = await command(program, args)
  if (result.code !== 0) console.error(tail(result, 80))
  return single(name, result.code === 0)
}
