import { type ErrorLocation, usageError } from '@qt/core'
import { type CheckRecordOptions, checkRecord } from './checks/check-record.js'
import { CopyCheck } from './checks/copies.js'
import type { DatasetFinding, Path } from './checks/dataset-finding.js'
import { fileKind } from './find-files.js'
import { readLines } from './read-lines.js'
import { type DataRecord, readRecords } from './read-records.js'
import { openRecordWriter } from './record-writer.js'
import { unreadableFinding } from './validate-dataset.js'

export interface FixDatasetOptions extends CheckRecordOptions {
  /** Where to write: .jsonl, .json, .csv or .tsv, also .gz. Default: the file itself, replaced as a whole. */
  readonly out?: string | undefined
  /** Leave out examples with errors that only that helps against. Default: they stay as they are. */
  readonly drop?: boolean | undefined
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined
  readonly onFixed?: ((finding: DatasetFinding) => void) | undefined
  readonly onDropped?: ((finding: DatasetFinding) => void) | undefined
  readonly onLeft?: ((finding: DatasetFinding) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface FixedDataset {
  readonly examples: number
  readonly fixed: number
  readonly dropped: number
  readonly left: number
  /** The file that was written; undefined when nothing had to be. */
  readonly out: string | undefined
}

/** A fix can bring another mistake to light; a record that needs more rounds than this goes in circles. */
const rounds = 8

/**
 * Applies every fix that code can apply to a file of records. Lines of JSONL without mistakes stay the same bytes; nothing that cannot be
 * read is lost unless `drop` is set.
 *
 * @example
 * ```ts
 * await fixDataset('chats.jsonl', { drop: true }) // { examples: 1200, fixed: 14, dropped: 3, left: 2, out: 'chats.jsonl' }
 * ```
 */
export async function fixDataset(file: string, options: FixDatasetOptions = {}): Promise<FixedDataset> {
  const { drop = false, dryRun = false, onFixed, onDropped, onLeft, signal } = options
  const out = options.out ?? file
  const write = dryRun ? undefined : openRecordWriter(out)
  const copies = new CopyCheck()
  let [examples, fixed, dropped, left, changed] = [0, 0, 0, 0, options.out !== undefined]
  const keep = (finding: DatasetFinding): void => {
    left++
    onLeft?.(finding)
  }
  try {
    for await (const { record, text, error } of records(file)) {
      signal?.throwIfAborted()
      if (error) {
        if (!drop) {
          keep(error)
          if (text !== undefined) await write?.raw(text)
          else if (!dryRun) throw unwritable(file, error)
        } else {
          dropped++
          changed = true
          onDropped?.(error)
        }
        continue
      }
      if (record === undefined) continue
      examples++
      const { value, applied, findings } = fixRecord(record, options, copies)
      const cause = drop
        ? findings.find(({ severity, fix }) => fix.drop && (severity === 'error' || fix.set === undefined))
        : undefined
      for (const finding of applied) onFixed?.(finding)
      fixed += applied.length
      if (applied.length > 0 || cause) changed = true
      if (cause) {
        dropped++
        onDropped?.(cause)
        continue
      }
      for (const finding of findings) keep(finding)
      if (applied.length === 0 && text !== undefined) await write?.raw(text)
      else await write?.value(value)
    }
    await write?.end(changed)
  } catch (thrown) {
    await write?.abandon()
    throw thrown
  }
  return { examples, fixed, dropped, left, out: changed && !dryRun ? out : undefined }
}

function fixRecord(record: DataRecord, options: CheckRecordOptions, copies: CopyCheck) {
  let { value } = record
  const applied: DatasetFinding[] = []
  let findings = checkRecord(value, record.where, options).findings
  for (let round = 0; round < rounds; round++) {
    const fixes = apart(findings)
    if (fixes.length === 0) break
    value = structuredClone(value)
    for (const finding of fixes) for (const { path, value: to } of finding.fix.set ?? []) put(value, path, to)
    applied.push(...fixes)
    findings = checkRecord(value, record.where, options).findings
  }
  // Copies are looked for once, in what is kept.
  findings = checkRecord(value, record.where, options, copies).findings
  const twice = findings.find(({ code, fix }) => code === 'duplicate-id' && fix.set !== undefined)
  if (twice) {
    value = structuredClone(value)
    for (const { path, value: to } of twice.fix.set ?? []) put(value, path, to)
    return { value, applied: [...applied, twice], findings: findings.filter((finding) => finding !== twice) }
  }
  return { value, applied, findings }
}

/** Findings that code can fix, as far as they touch different values. */
function apart(findings: readonly DatasetFinding[]): DatasetFinding[] {
  const taken = new Set<string>()
  return findings.filter(({ fix }) => {
    const paths = fix.set?.map(({ path }) => JSON.stringify(path)) ?? []
    if (paths.length === 0 || paths.some((path) => taken.has(path))) return false
    for (const path of paths) taken.add(path)
    return true
  })
}

function put(record: unknown, path: Path, value: unknown): void {
  let at: unknown = record
  for (const part of path.slice(0, -1)) at = memberOf(at, part)
  const last = path.at(-1)
  if (typeof at === 'object' && at !== null && last !== undefined) Object.assign(at, { [last]: value })
}

const memberOf = (value: unknown, part: string | number): unknown =>
  typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === String(part))?.[1] : undefined

interface FoundRecord {
  readonly record?: DataRecord
  /** The line as it lies in the file. */
  readonly text?: string
  readonly error?: DatasetFinding
}

async function* records(file: string): AsyncGenerator<FoundRecord> {
  if (fileKind(file) === 'lines') {
    for await (const { text, line } of readLines(file, { lenient: true })) {
      if (text.trim() === '') continue
      const bare = line === 1 ? text.replace(/^\uFEFF/, '') : text
      yield { text, ...parsed(bare, { file, line }) }
    }
    return
  }
  const errors: DatasetFinding[] = []
  for await (const record of readRecords(file, { onError: (error) => void errors.push(unreadableFinding(error)) })) {
    for (const error of errors.splice(0)) yield { error }
    yield { record }
  }
  for (const error of errors) yield { error }
}

function parsed(text: string, where: ErrorLocation): Pick<FoundRecord, 'record' | 'error'> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { record: { value: { ...value }, where } }
    throw new SyntaxError('a record must be a JSON object')
  } catch (cause) {
    const message = `This is not valid JSON: ${cause instanceof Error ? cause.message : String(cause)}.`
    return {
      error: unreadableFinding(usageError('DATA_SYNTAX', message, { where, actions: ['Correct that line.'] })),
    }
  }
}

const unwritable = (file: string, { message, line }: DatasetFinding) =>
  usageError('DATA_SYNTAX', `A record cannot be read, and would be lost: ${message}`, {
    where: { file, ...(line === undefined ? {} : { line }) },
    actions: ['Correct it by hand.', 'Or leave such records out: --drop.'],
  })
