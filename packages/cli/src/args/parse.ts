import { nearest, usageError } from '@qt/core'
import { commonFlags, type Flag, type Flags, type Positional } from './verb.js'

export interface Parsed {
  readonly flags: Readonly<Record<string, unknown>>
  readonly positionals: readonly string[]
}

/** `--learning_rate` and `--learningRate` are `--learning-rate`. */
export const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()

interface Shape {
  readonly name: string
  readonly flags: Flags
  readonly positionals?: readonly Positional[]
}

/** Arguments by the flags of a verb. `--flag value` and `--flag=value`, `--no-flag` for booleans, `--` ends flags. */
export function parseArguments(verb: Shape, argv: readonly string[]): Parsed {
  const known: Flags = { ...verb.flags, ...commonFlags }
  const values = new Map<string, unknown[]>()
  const positionals: string[] = []
  const queue = [...argv]
  while (queue.length > 0) {
    const word = queue.shift()!
    if (word === '--') {
      positionals.push(...queue.splice(0))
    } else if (word === '-h') values.set('help', [true])
    else if (!word.startsWith('--')) positionals.push(word)
    else {
      const { name, flag, inline, negated } = findFlag(word, known, verb.name)
      const value =
        flag.type === 'boolean'
          ? switchValue(name, inline ?? spoken(queue), negated)
          : textValue(name, flag, inline ?? wordAfter(queue))
      values.set(name, [...(values.get(name) ?? []), value])
    }
  }
  const flags: Record<string, unknown> = {}
  for (const [name, given] of values) {
    if (given.length > 1 && !known[name]!.many)
      throw usageError('USAGE_REPEATED_FLAG', `--${name} is given ${given.length} times.`, { actions: ['Keep one of them.'] })
    flags[name] = known[name]!.many ? given : given[0]
  }
  return { flags, positionals }
}

/** Complains about what a verb needs and did not get; apart from parsing, so that --help works without it. */
export function checkComplete(verb: Shape, { flags, positionals }: Parsed): void {
  const wanted = verb.positionals ?? []
  const missing = wanted.slice(positionals.length).find(({ required }) => required)
  const help = { label: 'See how it is used.', command: `qt ${verb.name} --help` }
  if (missing)
    throw usageError('USAGE_MISSING_ARGUMENT', `qt ${verb.name} needs ${missing.name}: ${missing.description}`, {
      actions: [help],
    })
  if (positionals.length > wanted.length)
    throw usageError('USAGE_EXTRA_ARGUMENT', `qt ${verb.name} does not know what to do with "${positionals[wanted.length]}".`, {
      actions: [help, 'Put quotes around a value that has spaces.'],
    })
  for (const [name, flag] of Object.entries(verb.flags))
    if (flag.required && flags[name] === undefined)
      throw usageError('USAGE_MISSING_FLAG', `qt ${verb.name} needs --${name}.`, {
        actions: [`Add --${name} ${flag.value ?? 'VALUE'}: ${flag.description}`, help],
      })
}

function findFlag(
  word: string,
  known: Flags,
  verb: string,
): { name: string; flag: Flag; inline: string | undefined; negated: boolean } {
  const equals = word.indexOf('=')
  const inline = equals < 0 ? undefined : word.slice(equals + 1)
  const name = kebab(word.slice(2, equals < 0 ? undefined : equals))
  const flag = Object.hasOwn(known, name) ? known[name] : undefined
  if (flag) return { name, flag, inline, negated: false }
  const positive = name.startsWith('no-') ? name.slice(3) : ''
  const switched = Object.hasOwn(known, positive) ? known[positive] : undefined
  if (switched?.type === 'boolean') return { name: positive, flag: switched, inline, negated: true }
  const near = nearest(name, Object.keys(known))
  throw usageError('USAGE_UNKNOWN_FLAG', `qt ${verb} has no flag --${name}.`, {
    actions: [...(near ? [`Did you mean --${near}?`] : []), { label: 'See its flags.', command: `qt ${verb} --help` }],
  })
}

/** A value does not look like another flag; `-3` and `-` are values. */
const wordAfter = (queue: string[]): string | undefined => (queue[0]?.startsWith('--') ? undefined : queue.shift())

/** `--packing false`: the word after a switch, when it is a switch's value. */
const spoken = (queue: string[]): string | undefined => (queue[0] === 'true' || queue[0] === 'false' ? queue.shift() : undefined)

function switchValue(name: string, inline: string | undefined, negated: boolean): boolean {
  if (inline === undefined) return !negated
  if (inline === 'true' || inline === 'false') return (inline === 'true') !== negated
  throw badValue(name, inline, 'true or false')
}

function textValue(name: string, flag: Flag, text: string | undefined): string | number {
  if (text === undefined)
    throw usageError('USAGE_MISSING_VALUE', `--${name} needs a value.`, {
      actions: [`Write --${name} ${flag.value ?? 'VALUE'}, or --${name}=… for a value that begins with --.`],
    })
  if (flag.type === 'text') return text
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(number)) throw badValue(name, text, 'a number')
  return number
}

const badValue = (name: string, value: string, wanted: string) =>
  usageError('USAGE_BAD_VALUE', `--${name} must be ${wanted}, not "${value}".`, { actions: [`Write --${name} with ${wanted}.`] })
