import type { Embedder } from '@qt/core'
import type { Judged } from './heuristics.js'
import { common, sentencesOf, wordsOf } from './words.js'

/** What is known of the characters: names, and facts that stand. */
export interface Sheet {
  readonly characters: readonly {
    readonly name: string
    /** `class: ranger`, `health: 12`: what is said of the character must not be another value of the same kind. */
    readonly facts?: Readonly<Record<string, string | number>>
  }[]
  /** Other values that a fact could have, by its kind: the classes that there are. */
  readonly values?: Readonly<Record<string, readonly string[]>>
}

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

/**
 * Contradictions with the sheet: a sentence that names one character and gives one of its facts another value ("Mira the wizard" where she is a
 * ranger; "Mira has 20 health"). Each takes 0.5.
 */
export function agreesWithSheet(answer: string, { characters, values = {} }: Sheet): Judged {
  const notes: string[] = []
  for (const sentence of sentencesOf(answer)) {
    const words = new Set(wordsOf(sentence))
    const says = (phrase: string) => {
      const own = wordsOf(phrase)
      return own.length > 0 && own.every((word) => words.has(word))
    }
    const named = characters.filter(({ name }) => says(name))
    // Of two characters in a sentence nobody knows whose the fact is.
    if (named.length !== 1) continue
    const { name, facts = {} } = named[0]!
    for (const [kind, fact] of Object.entries(facts)) {
      if (typeof fact === 'number') {
        const word = kind.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        const said = new RegExp(`(-?\\d+)\\s+${word}(?!\\w)|(?<!\\w)${word}\\s*(?:is|of|:|=|at)?\\s*(-?\\d+)`, 'i').exec(sentence)
        const value = said && Number(said[1] ?? said[2])
        if (value !== null && value !== fact) notes.push(`${name} has ${kind} ${fact}, not ${value}: "${sentence}"`)
        continue
      }
      const other = (values[kind] ?? []).find((one) => one.toLowerCase() !== fact.toLowerCase() && says(one))
      if (other !== undefined && !says(fact)) notes.push(`${name} is ${fact}, not ${other}: "${sentence}"`)
    }
  }
  return { score: Math.max(0, 1 - 0.5 * notes.length), notes }
}
