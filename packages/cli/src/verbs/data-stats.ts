import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tokenizer } from '@qt/core'
import type { DatasetStatistics, Distribution, PreparedRows } from '@qt/data'
import { defineVerb, type Flags } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { fields, numbers } from '../print/units.js'
import { noTokenizer, rowFlags, rowsConfig, tokenizerOf } from './data-config.js'
import { plural } from './data-scenarios.js'
import { holdsScenarios, scenarioStats } from './data-stats-scenarios.js'

const own = {
  rows: { type: 'number', value: 'N', description: 'Show the first N rows, what is trained on between ⟦ and ⟧.' },
  by: { type: 'text', value: 'FIELD', description: 'The category of a record, dots for what lies deeper. Default category.' },
} as const satisfies Flags

export const dataStats = defineVerb({
  name: 'data stats',
  summary: 'Say what a training would see of your data.',
  details:
    'What records hold: turns, lengths, languages and categories; with a tokenizer also tokens, rows and the share that carries loss. Nothing is trained. Of a folder of scenarios its categories, turns and tool calls.',
  positionals: [{ name: 'DIR', description: 'The data: the same as --data.' }],
  flags: { ...own, ...rowFlags },
  examples: [
    'qt data stats scenarios/',
    'qt data stats chats.jsonl --by metadata.topic',
    'qt data stats --config train.yaml',
    'qt data stats --data chats.jsonl --tokenizer model.gguf --rows 2',
  ],
  async run({ flags, positionals, io }) {
    const [folder] = positionals
    if (folder !== undefined && (await holdsScenarios(folder))) {
      const { tokenizer, base }: Readonly<Record<string, unknown>> = flags
      return scenarioStats(folder, textOf(tokenizer) ?? textOf(base), io)
    }
    const { tokenizer: own, base, config: file, data: named }: Readonly<Record<string, unknown>> = flags
    const data = textOf(named) ?? folder
    const { prepareRows, storesIn, shardsAt } = await need('@qt/data', () => import('@qt/data'))
    const bare = own === undefined && base === undefined && file === undefined
    if (data !== undefined && bare) {
      // Shards have no records, and their rows are read with the tokenizer that they were made with.
      if (await shardsAt(data)) throw noTokenizer()
      const found = await recordStats(data, undefined, flags.by, io)
      io.note('Add --tokenizer FILE to count tokens, rows and what is trained on.\n')
      io.document(found)
      return 0
    }
    const config = await rowsConfig(flags, folder)
    const tokenizer = await tokenizerOf(config, io)
    const records = (await shardsAt(config.data.path)) ? undefined : await recordStats(config.data.path, tokenizer, flags.by, io)
    // On disk: data may be larger than memory.
    const scratch = await mkdtemp(join(tmpdir(), 'qt-stats-'))
    const disk = storesIn(scratch)
    try {
      const rows = await withInterrupt((signal) => prepareRows(config, tokenizer, { signal, store: disk.store }))
      print(rows, tokenizer, { shownRows: flags.rows ?? 0, records }, io)
    } finally {
      disk.close()
      await rm(scratch, { recursive: true, force: true })
    }
    return 0
  },
})

/** What the records hold, before they are rows. */
async function recordStats(
  path: string | readonly string[],
  tokenizer: Tokenizer | undefined,
  by: string | undefined,
  io: Io,
): Promise<DatasetStatistics> {
  const { datasetStatistics } = await need('@qt/data', () => import('@qt/data'))
  const found = await withInterrupt((signal) => datasetStatistics(path, { tokenizer, by, signal }))
  io.out(`${plural(found.records, 'record')} from ${plural(found.files, 'file')}\n`)
  io.out(
    fields([
      ['layouts', counts(found.layouts)],
      ['languages', counts(found.languages)],
      ['categories', counts(found.categories)],
    ]),
  )
  const of = ({ least, tenth, median, ninetieth, ninetyNinth, most, mean }: Distribution) =>
    [least, tenth, median, ninetieth, ninetyNinth, most, Math.round(mean * 10) / 10].map(String)
  io.out(
    `\n${numbers([
      ['of a record', 'least', '10 %', 'median', '90 %', '99 %', 'most', 'mean'],
      ['turns', ...of(found.turns)],
      ['letters', ...of(found.letters)],
      ...(found.tokens ? [['tokens of its texts', ...of(found.tokens)]] : []),
    ])}\n`,
  )
  return found
}

const listed = 12

/** The commonest, and how many others there are. */
function counts(of: Readonly<Record<string, number>>): string {
  const all = Object.entries(of).sort(([, a], [, b]) => b - a)
  const rest = all.length > listed ? [`${all.length - listed} more`] : []
  return [...all.slice(0, listed).map(([name, count]) => `${name} ${count}`), ...rest].join(', ')
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

interface PrintOptions {
  readonly shownRows: number
  readonly records: DatasetStatistics | undefined
}

function print(rows: PreparedRows, tokenizer: Tokenizer | undefined, { shownRows, records }: PrintOptions, io: Io): void {
  for (const warning of rows.warnings) io.note(`warning: ${warning}\n`)
  const { train, validation } = rows.statistics
  io.out(`${rows.description}\n\n`)
  io.out(
    numbers([
      ['', 'rows', 'tokens', 'trained on'],
      ...[['training', train] as const, ...(validation ? [['validation', validation] as const] : [])].map(([name, part]) => [
        name,
        String(part.rows),
        String(part.tokens),
        String(part.trainableTokens),
      ]),
    ]),
  )
  for (let index = 0; tokenizer && index < Math.min(shownRows, rows.train.length); index++)
    io.out(`\nrow ${index}\n${shown(rows.train.row(index), (ids) => tokenizer.decode(ids, { special: true }))}\n`)
  const { format, packing, shuffle, hash, warnings, description, statistics } = rows
  io.document({
    format,
    packing,
    shuffle,
    hash,
    ...statistics,
    trainableShare: train.trainableTokens / train.tokens,
    warnings,
    description,
    ...(records ? { records } : {}),
  })
}

/** A row as text, runs of tokens that carry loss in brackets. Position i predicts i + 1, so the label of a token is one before it. */
function shown({ ids, labels }: { ids: Int32Array; labels: Int32Array }, decode: (ids: Int32Array) => string): string {
  const learned = (i: number) => i > 0 && labels[i - 1]! >= 0
  let text = ''
  for (let from = 0, to = 1; from < ids.length; from = to, to = from + 1) {
    while (to < ids.length && learned(to) === learned(from)) to++
    const part = decode(ids.subarray(from, to))
    text += learned(from) ? `⟦${part}⟧` : part
  }
  return text
}
