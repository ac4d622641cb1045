import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Interval, Statistics } from '@qt/eval'
import { numbers } from './print/units.js'
import { comparable, divergencesByRow, type VariantOptions, verdictOf, withModel } from './variants.js'

/** One way to decide, and the model that it would make. */
export interface Way {
  readonly name: string
  /** By what was measured, pairs too; left out where the way decides by something else. */
  readonly predicted?: number | undefined
  /** Ways with the same key make the same file. */
  readonly key: string
  /** Writes the model; returns the bytes of the file. */
  write(path: string): Promise<number>
}

/** What a way came to, measured again on rows that nothing was decided by. */
export interface JudgedWay {
  readonly way: string
  readonly predicted?: number | undefined
  readonly fileBytes: number
  readonly kl: Interval
  /** KL divergence of what was taken less that of this one, row by row. */
  readonly takenLessThis?: Interval
  readonly verdict?: string
}

export interface JudgeInput {
  /** The model that all are compared with. */
  readonly original: string
  readonly heldOut: readonly Uint32Array[]
  /** For files that live for a moment. */
  readonly folder: string
  readonly options: VariantOptions
  readonly onProgress: (text: string) => void
}

/** Writes every way, reads held-out rows with it, and compares the first, which is taken, with the others. Equal ones are measured once. */
export async function judgeWays(
  ways: readonly Way[],
  { original, heldOut, folder, options, onProgress }: JudgeInput,
): Promise<JudgedWay[]> {
  return withModel(original, options, async ({ scoring }) => {
    const known = new Map<string, { fileBytes: number; rows: Statistics[] }>()
    const measured = async ({ name, key, write }: Way) => {
      const before = known.get(key)
      if (before) return before
      onProgress(`judging  ${name}`)
      const path = join(folder, `${randomUUID()}.gguf`)
      try {
        const fileBytes = await write(path)
        const found = { fileBytes, rows: await divergencesByRow(scoring, path, heldOut, options) }
        known.set(key, found)
        return found
      } finally {
        await rm(path, { force: true })
      }
    }
    const judged: JudgedWay[] = []
    for (const way of ways) {
      const taken = await measured(ways[0]!)
      const { rows, fileBytes } = await measured(way)
      const { kl } = await comparable(rows)
      const row = { way: way.name, predicted: way.predicted, fileBytes, kl }
      if (judged.length === 0) {
        judged.push(row)
        continue
      }
      const takenLessThis = (await comparable(taken.rows)).difference(rows)
      judged.push({ ...row, takenLessThis, verdict: rows === taken.rows ? 'the same' : verdictOf(takenLessThis) })
    }
    return judged
  })
}

export const judgedText = (judged: readonly JudgedWay[]): string =>
  numbers([
    ['', 'predicted', 'measured', 'from', 'to', 'bytes', 'taken is'],
    ...judged.map(({ way, predicted, kl, fileBytes, verdict = '' }) => [
      way,
      ...[predicted, kl.value, kl.low, kl.high].map((value) => value?.toPrecision(4) ?? '–'),
      String(fileBytes),
      verdict,
    ]),
  ])
