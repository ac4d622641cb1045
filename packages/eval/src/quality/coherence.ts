import { type Embedder, editDistance } from '@qt/core'
import type { Judged } from './heuristics.js'
import { factWords, type Sheet } from './sheet.js'
import { common, sentencesOf, wordsOf } from './words.js'

const cosine = (a: Float32Array, b: Float32Array): number => {
  let [dot, x, y] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    x += a[i]! ** 2
    y += b[i]! ** 2
  }
  return x > 0 && y > 0 ? dot / Math.sqrt(x * y) : 0
}

const topic = (text: string): Set<string> => new Set(wordsOf(text).filter((word) => !common.has(word) && word.length > 2))

/**
 * Whether an answer stays with what was asked: with an embedder by the cosine of question and answer (0.1 is 0, 0.5 is full), else by the words
 * they share, where none gives 0.5, because an answer may well be in other words.
 */
export async function onTopic(question: string, answer: string, embedder?: Embedder): Promise<Judged> {
  if (wordsOf(answer).length === 0) return { score: 0, notes: ['no words'] }
  if (embedder) {
    const [a, b] = await embedder.embed([question, answer])
    const near = cosine(a!, b!)
    return {
      score: Math.max(0, Math.min(1, (near - 0.1) / 0.4)),
      notes: near < 0.2 ? [`far from what was asked (cosine ${near.toFixed(2)})`] : [],
    }
  }
  const [asked, said] = [topic(question), topic(answer)]
  const shared = [...asked].filter((word) => said.has(word))
  return {
    score: asked.size === 0 ? 1 : Math.min(1, 0.5 + shared.length / 2),
    notes: shared.length > 0 ? [`shared with the question: ${shared.join(', ')}`] : [],
  }
}

const escaped = (text: string): string =>
  text
    .trim()
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[-\s]+/g, '[-\\s]+')

/** Somebody goes by the whole name or by its first word, as in calls. */
const called = (name: string): string => {
  const first = name.split(/\s+/)[0]!
  return first === name ? escaped(name) : `(?:${escaped(name)}|${escaped(first)})`
}

/** What may stand between an article and what somebody is: "the tall half-orc ranger", and nothing that begins another phrase. */
const adjectives = "(?:(?!(?:an?|the|of|to|with|by|for|from|near|and|or|who|that)\\s)[\\p{L}'’-]+\\s+){0,2}"
const verbs = '(?:is|was|remains|becomes|became)'
/** What leads from a name to a number of its own. */
const leads = '(?:(?:is|was|has|had|now|still|only|at|on|down|with|left|an?|current|currently)\\s+){0,4}'

/** Where a sentence says of a name that it is something: "Mira the wizard", "Mira is a tall wizard", "the wizard Mira", "Mira, a wizard,". */
function saysIs(name: string, value: string): RegExp {
  const [who, what] = [called(name), `${escaped(value)}(?![\\p{L}\\p{N}'’-])`]
  const ways = [
    `${who}\\s+the\\s+${adjectives}${what}`,
    `${who},\\s+(?:an?|the|our|your)\\s+${adjectives}${what}(?=[,.;!?]|$)`,
    `${who}(?:\\s+${verbs}|['’]s)\\s+(?:(?:an?|the|our|your)\\s+${adjectives})?${what}`,
    `(?<![\\p{L}\\p{N}-])${what},?\\s+${who}(?![\\p{L}\\p{N}])`,
  ]
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${ways.join('|')})`, 'iu')
}

/** Where a sentence gives a name a number: "Mira has 20 health", "Mira's health is 20", "Mira is a level 9 ranger". */
function saysNumber(name: string, kind: string): RegExp {
  const [who, what] = [called(name), `${escaped(kind)}(?![\\p{L}\\p{N}])`]
  return new RegExp(
    `(?<![\\p{L}\\p{N}])${who}(?:['’]s)?[,:]?\\s+${leads}(?:(-?\\d+)\\s+${what}|${what}\\s*(?:(?:is|of|:|=|at|now)\\s*){0,2}(-?\\d+))`,
    'iu',
  )
}

/** Numbers as people write them. */
const anyOf = (numbers: readonly number[]): string => numbers.join(' or ')

/** Where a sentence says another value of a fact of somebody; undefined where it does not. */
function otherValue(sentence: string, name: string, kind: string, fact: string | readonly number[], values: readonly string[]) {
  if (typeof fact !== 'string') {
    const said = saysNumber(name, kind).exec(sentence)
    const value = said && Number(said[1] ?? said[2])
    return value === null || fact.includes(value) ? undefined : `${name} has ${kind} ${anyOf(fact)}, not ${value}`
  }
  // "Half-Elf" is an elf too, and a "Wizard" who is called an archwizard no other thing.
  const own = factWords(fact)
  const other = values.find((one) => !factWords(one).some((word) => own.includes(word)) && saysIs(name, one).test(sentence))
  return other === undefined ? undefined : `${name} is ${fact}, not ${other}`
}

/**
 * Contradictions with the sheet: a sentence that says of a character, by name, another value of one of its facts ("Mira the wizard" where she is a
 * ranger; "Mira has 20 health"). A wizard whom Mira meets is none. Each takes 0.5.
 */
export function agreesWithSheet(answer: string, { characters, values = {} }: Sheet): Judged {
  const notes = sentencesOf(answer).flatMap((sentence) =>
    characters.flatMap(({ name, facts = {} }) =>
      Object.entries(facts).flatMap(([kind, fact]) => {
        const other = otherValue(sentence, name, kind, typeof fact === 'number' ? [fact] : fact, values[kind] ?? [])
        return other === undefined ? [] : [`${other}: "${sentence}"`]
      }),
    ),
  )
  return { score: Math.max(0, 1 - 0.5 * notes.length), notes }
}

/**
 * Names of the sheet that are misspelt: a name within a sentence that is one letter away from a character's and was never said before. Each
 * takes 0.5.
 */
export function spellsNames(answer: string, { characters }: Sheet, said: readonly string[]): Judged {
  const names = characters.flatMap(({ name }) => name.split(/\s+/)).filter((name) => name.length > 3)
  const known = new Set([...names.join(' ').toLowerCase().split(' '), ...said.flatMap(wordsOf)])
  const notes = sentencesOf(answer).flatMap((sentence) =>
    [...sentence.matchAll(/(?<=[\p{L}\p{N},;:]\s)\p{Lu}\p{Ll}{2,}/gu)].flatMap(([word]) => {
      if (known.has(word.toLowerCase())) return []
      const meant = names.find((name) => editDistance(word.toLowerCase(), name.toLowerCase()) === 1)
      return meant === undefined ? [] : [`${meant} is written ${word}: "${sentence}"`]
    }),
  )
  return { score: Math.max(0, 1 - 0.5 * notes.length), notes }
}
