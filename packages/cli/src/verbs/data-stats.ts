import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tokenizer } from '@qt/core'
import type { PreparedRows } from '@qt/data'
import { defineVerb, type Flags } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { numbers } from '../print/units.js'
import { rowFlags, rowsConfig, tokenizerOf } from './data-config.js'
import { holdsScenarios, scenarioStats } from './data-stats-scenarios.js'

const own = {
  rows: { type: 'number', value: 'N', description: 'Show the first N rows, what is trained on between ⟦ and ⟧.' },
} as const satisfies Flags

export const dataStats = defineVerb({
  name: 'data stats',
  summary: 'Say what a training would see of your data.',
  details:
    'Rows, tokens and the share that carries loss, with the tokenizer of the base. Nothing is trained. Of a folder of scenarios also its categories, turns and tool calls; that needs no tokenizer.',
  positionals: [{ name: 'DIR', description: 'The data: the same as --data.' }],
  flags: { ...own, ...rowFlags },
  examples: [
    'qt data stats scenarios/',
    'qt data stats --config train.yaml',
    'qt data stats --data chats.jsonl --tokenizer model.gguf --rows 2',
  ],
  async run({ flags, positionals, io }) {
    const [folder] = positionals
    if (folder !== undefined && (await holdsScenarios(folder))) {
      const { tokenizer, base }: Readonly<Record<string, unknown>> = flags
      return scenarioStats(folder, textOf(tokenizer) ?? textOf(base), io)
    }
    const config = await rowsConfig(flags, folder)
    const { prepareRows, storesIn } = await need('@qt/data', () => import('@qt/data'))
    const tokenizer = await tokenizerOf(config, io)
    // On disk: data may be larger than memory.
    const scratch = await mkdtemp(join(tmpdir(), 'qt-stats-'))
    const disk = storesIn(scratch)
    try {
      const rows = await withInterrupt((signal) => prepareRows(config, tokenizer, { signal, store: disk.store }))
      print(rows, tokenizer, flags.rows ?? 0, io)
    } finally {
      disk.close()
      await rm(scratch, { recursive: true, force: true })
    }
    return 0
  },
})

function print(rows: PreparedRows, tokenizer: Tokenizer | undefined, shownRows: number, io: Io): void {
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
  })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

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
