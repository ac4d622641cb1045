import { join } from 'node:path'
import { findFiles } from './find-files.js'
import { hashText } from './hash-text.js'
import { manifestOf } from './pipeline/dataset-manifest.js'
import { readRecordBatches } from './read-records.js'
import { stratumOf } from './split-dataset.js'

export interface DiffDatasetsOptions {
  /** The field that names a record: of two that have it in common and differ, one was changed. Default `id`. */
  readonly id?: string | undefined
  /** Categories are counted by this field. Default `category`. */
  readonly by?: string | undefined
  /** Told of each record that is in one of them only, by file and line or row. */
  readonly onDifference?: ((kind: 'added' | 'removed' | 'changed', place: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DatasetDiff {
  /** By `dataset.json`, when there is one. */
  readonly versions: readonly [string | undefined, string | undefined]
  readonly records: readonly [number, number]
  readonly same: number
  readonly added: number
  readonly removed: number
  readonly changed: number
  /** Records by category where the numbers differ. */
  readonly categories: Readonly<Record<string, readonly [number, number]>>
}

/**
 * What two datasets have in common and what not, whatever the order of their records. A record is the same when its fields are.
 *
 * @example
 * ```ts
 * const { added, removed, changed } = await diffDatasets('dataset-1/', 'dataset-2/')
 * ```
 */
export async function diffDatasets(a: string, b: string, options: DiffDatasetsOptions = {}): Promise<DatasetDiff> {
  const { id = 'id', by = 'category', onDifference, signal } = options
  /** Records of A that B does not have yet: places by content, contents by id. */
  const left = new Map<number, string[]>()
  const ids = new Map<string, number>()
  const categories = new Map<string, [number, number]>()
  const counts: [number, number] = [0, 0]
  const count = (value: Readonly<Record<string, unknown>>, side: 0 | 1): void => {
    const name = stratumOf(value, by)
    const both = categories.get(name) ?? [0, 0]
    both[side]++
    categories.set(name, both)
    counts[side]++
  }
  for await (const { value, place } of records(a, signal)) {
    count(value, 0)
    const content = hashText(canonical(value))
    const places = left.get(content)
    if (places) places.push(place)
    else left.set(content, [place])
    const own = value[id]
    if (typeof own === 'string' || typeof own === 'number') ids.set(String(own), content)
  }
  let same = 0
  const others: { readonly place: string; readonly id: string | undefined }[] = []
  for await (const { value, place } of records(b, signal)) {
    count(value, 1)
    const places = left.get(hashText(canonical(value)))
    if (places && places.length > 0) {
      places.shift()
      same++
      continue
    }
    const own = value[id]
    others.push({ place, id: typeof own === 'string' || typeof own === 'number' ? String(own) : undefined })
  }
  let [added, changed, removed] = [0, 0, 0]
  for (const other of others) {
    const earlier = other.id === undefined ? undefined : ids.get(other.id)
    const places = earlier === undefined ? undefined : left.get(earlier)
    const was = places?.shift()
    if (was === undefined) added++
    else changed++
    onDifference?.(was === undefined ? 'added' : 'changed', other.place)
  }
  for (const places of left.values())
    for (const place of places) {
      removed++
      onDifference?.('removed', place)
    }
  const differing = [...categories].filter(([, [before, after]]) => before !== after)
  return {
    versions: [await versionOf(a), await versionOf(b)],
    records: counts,
    same,
    added,
    removed,
    changed,
    categories: Object.fromEntries(differing),
  }
}

async function* records(path: string, signal: AbortSignal | undefined) {
  const manifest = await manifestOf(path)
  const files = manifest ? manifest.outputs.map((file) => join(path, file)) : await findFiles(path, { signal })
  for (const file of files)
    for await (const batch of readRecordBatches(file)) {
      signal?.throwIfAborted()
      for (const { value, where } of batch)
        yield { value, place: [where.file, where.line ?? where.row].filter((one) => one !== undefined).join(':') }
    }
}

const versionOf = async (path: string): Promise<string | undefined> => (await manifestOf(path))?.version

/** JSON with the fields in one order. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const fields = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`
}
