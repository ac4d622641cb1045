import { nearest, usageError } from '@qt/core'
import { generalHelp, groupHelp, verbHelp } from './args/help.js'
import { checkComplete, parseArguments } from './args/parse.js'
import type { Flags, Values, Verb } from './args/verb.js'
import { createIo } from './io.js'
import { printError } from './print/error.js'
import { type VerbEntry, verbs } from './verbs/index.js'
import { version } from './version.js'

/**
 * Runs the command line and returns the exit code; never throws.
 *
 * @example
 * ```ts
 * process.exitCode = await run(['inspect', 'model.gguf', '--json'])
 * ```
 */
export async function run(argv: readonly string[]): Promise<number> {
  const io = createIo(argv.some((word) => word === '--json' || word === '--json=true'))
  const verbose = argv.includes('--verbose')
  try {
    if (argv.length === 0 || ['--help', '-h', 'help'].includes(argv[0]!)) return helpOn(argv.slice(1))
    if (argv[0] === '--version') {
      process.stdout.write(`${version()}\n`)
      return 0
    }
    if (['--help', '-h'].includes(argv[1] ?? '') && groupOf(argv[0]!).length > 0) return helpOn(argv.slice(0, 1))
    const { entry, rest } = findVerb(argv)
    const verb: Verb = await entry.load()
    const parsed = parseArguments(verb, rest)
    if (parsed.flags.help === true) {
      process.stdout.write(verbHelp(verb))
      return 0
    }
    checkComplete(verb, parsed)
    return (await verb.run({ flags: parsed.flags as Values<Flags>, positionals: parsed.positionals, argv, io })) ?? 0
  } catch (thrown) {
    return printError(thrown, { io, verbose })
  }
}

async function helpOn(words: readonly string[]): Promise<number> {
  const entry = verbs.find(({ name }) => words.length > 0 && words.join(' ').startsWith(name))
  const group = words.length === 1 ? groupOf(words[0]!) : []
  process.stdout.write(entry ? verbHelp(await entry.load()) : group.length > 0 ? groupHelp(words[0]!, group) : generalHelp(verbs))
  return 0
}

/** The verbs of two words that begin with this one, where it is no verb itself. */
const groupOf = (word: string): readonly VerbEntry[] =>
  verbs.some(({ name }) => name === word) ? [] : verbs.filter(({ name }) => name.startsWith(`${word} `))

/** `tokenizer train` is one verb of two words; the longer name wins. */
function findVerb(argv: readonly string[]): { entry: VerbEntry; rest: readonly string[] } {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const entry = verbs.find((verb) => verb.name === name)
    if (entry && argv.length >= words) return { entry, rest: argv.slice(words) }
  }
  const [word] = argv
  const inGroup = groupOf(word ?? '')
  const help = { label: 'See all verbs.', command: 'qt --help' }
  if (inGroup.length > 0)
    throw usageError(
      'USAGE_UNKNOWN_VERB',
      `qt ${word} needs one of: ${inGroup.map(({ name }) => name.slice(word!.length + 1)).join(', ')}.`,
      {
        actions: inGroup.map(({ name, summary }) => ({ label: summary, command: `qt ${name} --help` })),
      },
    )
  const near = nearest(
    word ?? '',
    verbs.map(({ name }) => name),
  )
  throw usageError('USAGE_UNKNOWN_VERB', `qt has no verb "${word}".`, {
    actions: [...(near ? [`Did you mean "qt ${near}"?`] : []), help],
  })
}
