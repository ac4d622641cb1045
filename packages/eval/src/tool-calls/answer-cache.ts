import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Prompt } from '@qt/core'
import { namingFile } from '@qt/core/node'
import type { Answer } from './answer.js'

/** Answers on disk, one JSON object a line, so that an evaluation that was stopped goes on where it was. */
export interface AnswerCache {
  get(key: string): Answer | undefined
  set(key: string, answer: Answer): Promise<void>
}

/** The same for the same question to the same model with the same settings. */
export const answerKey = (model: string, prompt: Prompt, settings: Readonly<Record<string, unknown>>): string =>
  createHash('sha256')
    .update(JSON.stringify([model, prompt, settings]))
    .digest('hex')

/** Opens a cache file, or starts one; without a file nothing is kept. A line that a crash tore is passed over. */
export async function openAnswerCache(file: string | undefined): Promise<AnswerCache> {
  if (file === undefined) return { get: () => undefined, set: async () => {} }
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const answers = new Map<string, Answer>()
  for (const line of text.split('\n')) {
    const entry = readEntry(line)
    if (entry) answers.set(entry.key, entry.answer)
  }
  let start = text === '' || text.endsWith('\n') ? '' : '\n'
  return {
    get: (key) => answers.get(key),
    async set(key, answer) {
      answers.set(key, answer)
      await mkdir(dirname(file), { recursive: true })
      await appendFile(file, `${start}${JSON.stringify({ key, ...answer })}\n`).catch((error: unknown) => {
        throw namingFile(error, file)
      })
      start = ''
    },
  }
}

function readEntry(line: string): { key: string; answer: Answer } | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { key, text, tokens, why, dropped }: Readonly<Partial<Record<'key' | keyof Answer, unknown>>> = value
  if (typeof key !== 'string' || typeof text !== 'string' || typeof tokens !== 'number' || typeof dropped !== 'number')
    return undefined
  return why === 'end' || why === 'length' || why === 'stop' ? { key, answer: { text, tokens, why, dropped } } : undefined
}
