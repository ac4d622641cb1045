import { readFile } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import type { Scenario } from '@qt/data'
import { parse } from 'yaml'
import { z } from 'zod'
import { normaliseArgument, normaliseName } from '../tool-calls/normalise.js'
import { parseToolCalls } from '../tool-calls/parse.js'
import { wordsOf } from './words.js'

const sheetSchema = z.strictObject({
  characters: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        /** `class: ranger`, `health: 12`: what is said of the character must not be another value of the same kind. Of several numbers each is right. */
        facts: z.record(z.string(), z.union([z.string().min(1), z.number(), z.array(z.number()).min(1).readonly()])).optional(),
        /** What a number cannot rise above: `health: 18`. */
        most: z.record(z.string(), z.number()).optional(),
      }),
    )
    .min(1)
    .readonly(),
  /** Other values that a fact could have, by its kind: the classes that there are. Left out: those of the profile. */
  values: z.record(z.string(), z.array(z.string().min(1)).readonly()).optional(),
})

/** What is known of the characters: names, and facts that stand. */
export type Sheet = Readonly<z.infer<typeof sheetSchema>>
export type SheetCharacter = Readonly<Sheet['characters'][number]>

/**
 * A sheet from a YAML file, for conversations that come without one.
 *
 * @example
 * ```ts
 * const suite = await qualitySuite(conversationItems(heldOut), { sheet: await loadSheet('party.yaml') })
 * ```
 */
export async function loadSheet(file: string): Promise<Sheet> {
  const invalid = (why: string, field?: string, cause?: unknown) =>
    usageError('EVAL_SHEET_INVALID', `The sheet ${file} is not right: ${why}.`, {
      where: { file, ...(field === undefined ? {} : { field }) },
      actions: ['Correct it; docs/evaluation/quality.md shows one.'],
      cause,
    })
  let value: unknown
  try {
    value = parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw invalid(messageOf(cause), undefined, cause)
  }
  const read = sheetSchema.safeParse(value)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw invalid(`at "${path.join('.')}": ${message}`, path.join('.'))
}

/** The plain words of a fact or of a value: "Half-Elf" is an elf too. */
export const factWords = (text: string): string[] => wordsOf(text.replaceAll('-', ' '))

/**
 * The sheet of a scenario's party: level, health, and what the class says of each kind of values ("Dwarf Fighter" is a race and a class).
 *
 * @example
 * ```ts
 * import { parseScenario } from '@qt/data'
 *
 * const { party } = parseScenario(text)
 * sheetOf(party, { class: ['fighter', 'wizard'] }).characters[0] // { name: 'Kara', facts: { class: 'Dwarf Fighter', level: 3, health: 18 }, … }
 * ```
 */
export function sheetOf(party: Scenario['party'], values: NonNullable<Sheet['values']>): Sheet {
  return {
    characters: party.map(({ name, class: written = '', level, health }) => {
      const own = new Set(factWords(written))
      const said = Object.entries(values).filter(([, list]) =>
        list.some((value) => factWords(value).some((word) => own.has(word))),
      )
      return {
        name,
        facts: {
          ...Object.fromEntries(said.map(([kind]) => [kind, written])),
          ...(level === undefined ? {} : { level }),
          ...(health === undefined ? {} : { health: health.current }),
        },
        ...(health === undefined ? {} : { most: { health: health.max } }),
      }
    }),
    values,
  }
}

const everyone: ReadonlySet<string> = new Set(['party', 'the party', 'all', 'everyone'])

/**
 * The sheet after what was said: `[health: Kara, -4]` takes 4 from her health. An amount that only dice know makes the number unknown, and
 * nothing is held against it any more.
 *
 * @example
 * ```ts
 * const sheet = { characters: [{ name: 'Kara', facts: { health: 18 } }] }
 * sheetAfter(sheet, 'She reels. [health: Kara, -4]').characters[0]?.facts // { health: 14 }
 * ```
 */
export function sheetAfter(sheet: Sheet, said: string): Sheet {
  let { characters } = sheet
  for (const { name, arguments: given } of parseToolCalls(said)) {
    const [who = '', amount = ''] = given
    if (name === 'health')
      characters = characters.map((one) => (isMeant(one.name, who) ? changed(one, Number(normaliseArgument(amount))) : one))
  }
  return { ...sheet, characters }
}

function isMeant(name: string, who: string): boolean {
  const [full, said] = [normaliseName(name), normaliseName(who)]
  return everyone.has(said) || said === full || said === full.split(' ')[0]
}

function changed(one: SheetCharacter, amount: number): SheetCharacter {
  const { health, ...others } = one.facts ?? {}
  if (typeof health !== 'number' || !Number.isFinite(amount)) return { ...one, facts: others }
  const after = Math.max(0, Math.min(one.most?.health ?? Number.POSITIVE_INFINITY, health + amount))
  return { ...one, facts: { ...others, health: after } }
}

/** The sheet for an answer that changes it: it may speak of the numbers before or after its own calls. */
export function sheetDuring(sheet: Sheet, answer: string): Sheet {
  const after = sheetAfter(sheet, answer)
  return {
    ...sheet,
    characters: sheet.characters.map((one, i) => {
      const [before, then] = [one.facts?.health, after.characters[i]!.facts?.health]
      if (before === then || typeof before !== 'number') return one
      if (typeof then !== 'number') return after.characters[i]!
      return { ...one, facts: { ...one.facts, health: [before, then] } }
    }),
  }
}
