import { createReadStream } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { root } from '../src/root.js'

/** Source code that every checkout has, as much as asked for: JavaScript and declarations of the packages it depends on, in one order. */
export async function writeCode(out: string, bytes: number): Promise<number> {
  const target = await open(out, 'w')
  let written = 0
  try {
    for (let round = 0; written < bytes; round++) {
      const before = written
      for (const folder of ['typescript/lib', 'zod', 'vitest', 'eslint', 'yaml', 'rxjs', '@types/node', 'prettier', 'vite']) {
        const path = join(root, 'node_modules', folder)
        const names = await readdir(path, { recursive: true }).catch(() => [])
        for (const name of names.filter((one) => /\.(?:[cm]?js|d\.[cm]?ts|ts)$/.test(one)).sort()) {
          if (written >= bytes || !(await stat(join(path, name))).isFile()) continue
          // Another round is other text: not the same words again.
          const mark = round === 0 ? '' : `${round}`
          for await (const piece of createReadStream(join(path, name), { encoding: 'utf8' })) {
            const text = round === 0 ? String(piece) : String(piece).replace(/\b([a-z]{4})([a-zA-Z]+)\b/g, `$2${mark}$1`)
            const part = text.slice(0, bytes - written)
            await target.write(part)
            written += Buffer.byteLength(part)
          }
        }
      }
      if (written === before) break
    }
  } finally {
    await target.close()
  }
  return written / 1e6
}

const syllables = [
  'ba',
  'ke',
  'lo',
  'mi',
  'nu',
  'ra',
  'se',
  'ti',
  'vo',
  'za',
  'dro',
  'fel',
  'gri',
  'hon',
  'jul',
  'pas',
  'quo',
  'sten',
  'wex',
  'yar',
]

/** A word by its number. */
const word = (number: number): string =>
  syllables[number % 20]! +
  syllables[Math.floor(number / 20) % 20]! +
  (number >= 400 ? syllables[Math.floor(number / 400) % 20]! : '')

/** Notes of 30 words of which every tenth is an earlier one with one to four words replaced; `of` names it. */
export async function writeNotes(out: string, count: number): Promise<void> {
  const words = (index: number): string[] =>
    Array.from({ length: 30 }, (_, place) => word(Math.floor(uniform(1, 'sample', place, index) * 8000)))
  await lines(out, count, (index) => {
    if (index % 10 !== 9) return { text: words(index).join(' ') }
    const of = index - 1 - Math.floor(uniform(2, 'sample', 0, index) * 8)
    const list = words(of)
    const changes = 1 + (Math.floor(index / 10) % 4)
    for (let change = 0; change < changes; change++)
      list[Math.floor(uniform(3, 'sample', change, index) * 30)] = `changed${index}x${change}`
    return { text: list.join(' '), of }
  })
}

/** Conversations of two to six turns. */
export async function writeChats(out: string, count: number): Promise<void> {
  const said = (index: number, turn: number): string =>
    Array.from({ length: 20 }, (_, place) => word(Math.floor(uniform(4, 'sample', turn * 32 + place, index) * 8000))).join(' ')
  await lines(out, count, (index) => ({
    messages: Array.from({ length: 2 + 2 * (index % 3) }, (_, turn) => ({
      role: turn % 2 === 0 ? 'user' : 'assistant',
      content: `${said(index, turn)}.`,
    })),
  }))
}

/** A file of text as documents of some kilobytes, one on a line; returns its megabytes. */
export async function writeDocuments(out: string, text: string): Promise<number> {
  const target = await open(out, 'w')
  let written = 0
  try {
    for await (const piece of createReadStream(text, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
      const parts = String(piece).match(/[\s\S]{1,4000}/gu) ?? []
      const body = parts.map((part) => `${JSON.stringify({ text: part })}\n`).join('')
      await target.write(body)
      written += Buffer.byteLength(body)
    }
  } finally {
    await target.close()
  }
  return written / 1e6
}

async function lines(out: string, count: number, make: (index: number) => unknown): Promise<void> {
  const target = await open(out, 'w')
  try {
    for (let from = 0; from < count; from += 5000) {
      const part: string[] = []
      for (let index = from; index < Math.min(count, from + 5000); index++) part.push(JSON.stringify(make(index)))
      await target.write(`${part.join('\n')}\n`)
    }
  } finally {
    await target.close()
  }
}
