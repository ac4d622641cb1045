import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { parseConfig, type Tokenizer, usageError } from '@qt/core'
import type { Flags, Values } from './args/verb.js'
import { need } from './need.js'

/** Flags of verbs that let a model read something to learn what matters in it. */
export const calibrationFlags = {
  text: { type: 'text', value: 'FILE', many: true, description: 'A text file.' },
  data: {
    type: 'text',
    value: 'PATH',
    many: true,
    description: 'Scenarios, conversations or other training data, each read on its own.',
  },
  'row-size': { type: 'number', value: 'N', description: 'Tokens read at once (default 512).' },
  rows: { type: 'number', value: 'N', description: 'Read at most so many rows.' },
} as const satisfies Flags

/** Refuses to begin where the flags name no text. */
export function requireText(verb: string, { text, data }: Pick<Values<typeof calibrationFlags>, 'text' | 'data'>): void {
  if (text === undefined && data === undefined)
    throw usageError('USAGE_MISSING_FLAG', `qt ${verb} needs something to read: --text or --data.`, {
      actions: ['Add --text FILE for a text, --data PATH for scenarios or conversations.'],
    })
}

/** Refuses a folder where parts are taken out of a GGUF file. */
export async function requireModelFile(input: string): Promise<void> {
  if ((await stat(input)).isDirectory())
    throw usageError('USAGE_BAD_VALUE', `${input} is a folder.`, {
      actions: [{ label: 'Convert it first', command: `qt convert ${input} model-f16.gguf` }],
    })
}

/** The flags that read these paths: as texts (.txt, .md), or as training data. */
export function pathFlags(paths: readonly string[]): { text: string[]; data: string[] } {
  const isText = (path: string) => /\.(txt|md)$/i.test(path)
  return { text: paths.filter(isText), data: paths.filter((path) => !isText(path)) }
}

export interface Calibration {
  readonly rows: Uint32Array[]
  readonly datasets: string[]
}

/** The rows of tokens that the flags ask for; none when they name no text. */
export async function calibrationRows(
  flags: Values<typeof calibrationFlags>,
  model: { readonly tokenizer: Tokenizer; readonly contextLength: number },
  base: string,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<Calibration> {
  const { text = [], data = [], rows: most = Number.POSITIVE_INFINITY } = flags
  if (flags.rows !== undefined && !(Number.isSafeInteger(flags.rows) && flags.rows >= 1)) throw badRows(flags.rows)
  const size = flags['row-size'] ?? Math.min(512, model.contextLength)
  const { textRows } = await need('@qt/quantize', () => import('@qt/quantize'))
  const rows: Uint32Array[] = []
  for (const file of text) {
    const ids = model.tokenizer.encode(await readFile(file, 'utf8'), { special: true })
    rows.push(...textRows(ids, { size, bosId: model.tokenizer.bosId }))
  }
  if (data.length > 0) {
    const { prepareRows } = await need('@qt/data', () => import('@qt/data'))
    const config = parseConfig({ base, data: { path: [...data], validation: 0 }, training: { sequenceLength: size } })
    const prepared = await prepareRows(config, model.tokenizer, { signal })
    for (const warning of prepared.warnings) note(`warning: ${warning}\n`)
    for (let i = 0; i < prepared.train.length && rows.length < most; i++) {
      const { ids, documents } = prepared.train.row(i)
      for (let d = 1; d < documents.length; d++) rows.push(Uint32Array.from(ids.subarray(documents[d - 1]!, documents[d]!)))
    }
  }
  return { rows: rows.slice(0, most), datasets: [...text, ...data].map((path) => basename(path)) }
}

const badRows = (most: number) =>
  usageError('USAGE_BAD_VALUE', `--rows cannot be ${most}.`, {
    where: { field: '--rows' },
    actions: ['Give a whole number, 1 or more.'],
  })
