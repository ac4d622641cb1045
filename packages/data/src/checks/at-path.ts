import type { Path } from './dataset-finding.js'

/** What lies at a path of a record; undefined where there is nothing. */
export function atPath(record: unknown, path: Path): unknown {
  let at = record
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = Reflect.get(at, part)
  }
  return at
}

/** Puts a value at a path of a record, if there is something to put it into. */
export function putAtPath(record: unknown, path: Path, value: unknown): void {
  const into = atPath(record, path.slice(0, -1))
  const last = path.at(-1)
  if (typeof into === 'object' && into !== null && last !== undefined) Object.assign(into, { [last]: value })
}
