import { commonFlags, type Flags, type Verb } from './verb.js'

/** `qt VERB --help`. */
export function verbHelp({ name, summary, details, positionals = [], flags, examples }: Verb): string {
  const words = positionals.map(({ name, required }) => (required ? name : `[${name}]`))
  const needed = Object.entries(flags).flatMap(([flag, { required, value }]) =>
    required ? [`--${flag} ${value ?? 'VALUE'}`] : [],
  )
  return [
    summary,
    '',
    `Usage: ${['qt', name, ...words, ...needed, '[flags]'].join(' ')}`,
    ...(details ? ['', details] : []),
    ...(positionals.length > 0
      ? ['', 'Arguments:', ...table(positionals.map((one) => [one.name, one.description] as const))]
      : []),
    '',
    'Flags:',
    ...table(flagRows({ ...flags, ...commonFlags })),
    '',
    `Example${examples.length === 1 ? '' : 's'}:`,
    ...examples.map((example) => `  ${example}`),
    '',
  ].join('\n')
}

/** `qt --help`. */
export const generalHelp = (verbs: readonly { name: string; summary: string }[]): string =>
  [
    'qt: turn your own data into a small language model and ship it.',
    '',
    'Usage: qt VERB [flags]',
    '',
    ...table(verbs.map(({ name, summary }) => [name, summary] as const)),
    '',
    'Every verb has --help with an example, --json for programs and --verbose for stack traces. qt --version prints the version.',
    'Exit codes: 0 done, 1 failed, 2 bad usage or input, 130 interrupted (training: can be resumed).',
    '',
    'Example:',
    '  qt train --config train.yaml',
    '',
  ].join('\n')

/** `qt eval --help`. */
export const groupHelp = (word: string, verbs: readonly { name: string; summary: string }[]): string =>
  [
    `Usage: qt ${word} VERB [flags]`,
    '',
    ...table(verbs.map(({ name, summary }) => [name, summary] as const)),
    '',
    `Each has --help with an example: qt ${verbs[0]?.name} --help`,
    '',
  ].join('\n')

const flagRows = (flags: Flags) =>
  Object.entries(flags).map(([name, { type, value, many, description }]) => {
    const shown = type === 'boolean' ? '' : ` ${value ?? (type === 'number' ? 'N' : 'TEXT')}`
    return [`--${name}${shown}`, many ? `${description.replace(/\.$/, '')}; may be repeated.` : description] as const
  })

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(34, Math.max(0, ...rows.map(([name]) => name.length)))
  return rows.map(([name, text]) =>
    name.length > width ? `  ${name}\n  ${' '.repeat(width)}  ${text}` : `  ${name.padEnd(width)}  ${text}`,
  )
}
