import { badValue } from './submit-errors.js'

/** The forms of time that Slurm knows, as the names of what their numbers count. */
const timeForms: readonly (readonly [RegExp, (numbers: readonly number[]) => number])[] = [
  [/^(\d+)$/, ([minutes = 0]) => minutes * 60],
  [/^(\d+):(\d+)$/, ([minutes = 0, seconds = 0]) => minutes * 60 + seconds],
  [/^(\d+):(\d+):(\d+)$/, ([hours = 0, minutes = 0, seconds = 0]) => hours * 3600 + minutes * 60 + seconds],
  [/^(\d+)-(\d+)$/, ([days = 0, hours = 0]) => days * 86_400 + hours * 3600],
  [/^(\d+)-(\d+):(\d+)$/, ([days = 0, hours = 0, minutes = 0]) => days * 86_400 + hours * 3600 + minutes * 60],
  [
    /^(\d+)-(\d+):(\d+):(\d+)$/,
    ([days = 0, hours = 0, minutes = 0, seconds = 0]) => days * 86_400 + hours * 3600 + minutes * 60 + seconds,
  ],
]

/** Seconds of a time limit as Slurm writes it (https://slurm.schedmd.com/sbatch.html#OPT_time). */
export function slurmSeconds(text: string): number {
  for (const [form, seconds] of timeForms) {
    const match = form.exec(text)
    const total = match ? seconds(match.slice(1).map(Number)) : 0
    if (total > 0) return total
  }
  throw badValue(
    'time',
    `A time limit cannot be "${text}".`,
    'Write hours:minutes:seconds (12:00:00), days-hours (2-12), or minutes (90).',
  )
}

/** An amount of memory per node as Slurm reads it; without a unit it would count megabytes, which few people mean. */
export function slurmMemory(text: string): string {
  const match = /^([1-9]\d*)([KMGT])(?:i?B)?$/i.exec(text)
  if (match) return `${match[1]}${match[2]?.toUpperCase()}`
  throw badValue('mem', `The memory of a node cannot be "${text}".`, 'Write a whole number and its unit: 32G, 500M.')
}
