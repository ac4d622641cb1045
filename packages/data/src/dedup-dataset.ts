import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Embedder } from '@qt/core'
import { findFiles } from './find-files.js'
import { grown } from './grown.js'
import { type Keep, keepRecords, type RecordJudge } from './keep-records.js'
import type { NearDuplicateOptions } from './near-duplicates/band-keys.js'
import { type Matches, matchesOnDisk } from './near-duplicates/matches-on-disk.js'
import { NearDuplicates } from './near-duplicates/near-duplicates.js'
import { SemanticDuplicates, type SemanticMatch } from './quality/semantic-duplicates.js'
import { type DataRecord, readRecordBatches } from './read-records.js'
import { recordText } from './record-text.js'
import { notWritten, writeFailed, writtenKind } from './record-writer.js'
import { FilePieces } from './shards/file-pieces.js'

export interface DedupOptions extends NearDuplicateOptions {
  /** Where what is kept is written; left out: nothing is. */
  readonly out?: string | undefined
  /** Of what differs in its words, also what means the same is left out: by the cosine of the vectors of texts, from 0.9 on. */
  readonly semantic?: { readonly embedder: Embedder; readonly similarity?: number | undefined } | undefined
  /** Told of each record that is nearly the same as an earlier one, or means the same, both by file and line or row. */
  readonly onDuplicate?: ((place: string, other: string, similarity: number, by: 'words' | 'meaning') => void) | undefined
  /**
   * From this many bytes of files on (packed ones, .gz, .zst and .parquet, count ten times), shingles lie on disk, beside `out` or among the
   * temporary files: 4 bytes a word, or a letter of Chinese. The data is read twice, and memory is 4 bytes a band and about 50 more a record.
   * Default 256 MB.
   */
  readonly diskFrom?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const defaultDiskFrom = 256e6

export interface DedupResult {
  readonly records: number
  readonly kept: number
  readonly removed: number
  /** Of these the ones that only mean the same; left out: meanings were not compared. */
  readonly sameMeaning?: number
  /** With what it was looked for: exact about its parameters. */
  readonly parameters: {
    readonly similarity: number
    readonly permutations: number
    readonly bands: number
    readonly rows: number
  }
}

/**
 * Leaves out records that are nearly the same as an earlier one.
 *
 * @example
 * ```ts
 * const { kept, removed } = await dedupDataset('data/**', { similarity: 0.8, out: 'unique.jsonl' })
 * ```
 */
export async function dedupDataset(path: string | readonly string[], options: DedupOptions = {}): Promise<DedupResult> {
  const { out, onDuplicate, semantic, diskFrom = defaultDiskFrom, signal } = options
  if (out !== undefined && writtenKind(out) === undefined) throw notWritten(out)
  const files = await findFiles(path, { signal })
  const finder = (await bytesOf(files)) >= diskFrom ? await readMatches(files, options) : new NearDuplicates(options)
  const meanings =
    semantic &&
    new SemanticDuplicates(semantic.embedder, semantic.similarity === undefined ? {} : { similarity: semantic.similarity })
  const places = new Places()
  /** The places of the texts whose meanings were compared, by the numbers that `meanings` has for them. */
  const compared: string[] = []
  let waiting: Waiting[] = []
  let sameMeaning = 0
  let number = 0
  const settle = async (keep: Keep) => {
    const batch = waiting
    waiting = []
    const matches = meanings
      ? await meanings.add(
          batch.map(({ text }) => text),
          { signal },
        )
      : []
    for (const [index, { place, value }] of batch.entries()) {
      if (onDuplicate) compared.push(place)
      const match: SemanticMatch | undefined = matches[index]
      if (match === undefined) await keep(value)
      else {
        sameMeaning++
        onDuplicate?.(place, compared[match.of] ?? '', match.similarity, 'meaning')
      }
    }
  }
  const judge: RecordJudge['judge'] = (record, place, keep) => {
    if (onDuplicate) places.add(record.where)
    const text = recordText(record)
    const match = finder instanceof NearDuplicates ? finder.add(text) : finder.of(number++)
    if (match) onDuplicate?.(place, places.of(match.of), match.similarity, 'words')
    else if (meanings === undefined) return keep(record.value)
    else if (waiting.push({ place, text, value: record.value }) === embeddedAtOnce) return settle(keep)
    return undefined
  }
  const counts = await keepRecords(files, { judge, end: settle }, { out, signal })
  const { similarity, permutations, bands } = finder
  return { ...counts, ...(semantic ? { sameMeaning } : {}), parameters: { similarity, permutations, ...bands } }
}

/** About how much packed data grows. */
const packedTimes = 10

async function bytesOf(files: readonly string[]): Promise<number> {
  let bytes = 0
  // An address has no size before it is read, and counts for nothing.
  for (const file of files) {
    const size = (await stat(file).catch(() => undefined))?.size ?? 0
    bytes += /\.(gz|zst|parquet)$/i.test(file) ? packedTimes * size : size
  }
  return bytes
}

async function readMatches(files: readonly string[], options: DedupOptions): Promise<Matches> {
  const { out, signal } = options
  const folder = await mkdtemp(join(out === undefined ? tmpdir() : dirname(out), '.qt-dedup-')).catch((cause: unknown) => {
    throw writeFailed(out ?? tmpdir(), cause)
  })
  const remove = () => rm(folder, { recursive: true, force: true })
  let sets: FilePieces | undefined
  try {
    sets = new FilePieces(join(folder, 'shingles'))
    // Gone at once where an open file may be: nothing is left of it even if the process is killed.
    await remove().catch(() => {})
    return await matchesOnDisk(recordTexts(files, signal), sets, options, signal)
  } finally {
    try {
      sets?.close()
    } finally {
      await remove()
    }
  }
}

async function* recordTexts(files: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<string> {
  for (const file of files)
    for await (const batch of readRecordBatches(file)) {
      signal?.throwIfAborted()
      for (const record of batch) yield recordText(record)
    }
}

/** Files and lines or rows of millions of records, as numbers. */
class Places {
  private readonly files: string[] = []
  private fileOf = new Int32Array(1024)
  private lines = new Float64Array(1024)
  private count = 0

  add({ file = '', line, row }: DataRecord['where']): void {
    if (this.files.at(-1) !== file) this.files.push(file)
    const number = this.count++
    this.fileOf = grown(this.fileOf, this.count)
    this.lines = grown(this.lines, this.count)
    this.fileOf[number] = this.files.length - 1
    this.lines[number] = line ?? row ?? -1
  }

  of(number: number): string {
    const [file, at] = [this.files[this.fileOf[number]!] ?? '', this.lines[number]!]
    return at === -1 ? file : `${file}:${at}`
  }
}

/** Records whose meanings are compared next, in their order. */
interface Waiting {
  readonly place: string
  readonly text: string
  readonly value: Readonly<Record<string, unknown>>
}

const embeddedAtOnce = 256
