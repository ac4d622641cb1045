import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** SHA-256 of plain data; the order of an object's keys does not matter. */
export function hashOf(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)) ?? 'undefined')
    .digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

/** SHA-256 of a file's bytes, or of a folder's names and bytes; undefined when nothing is there. */
export async function hashPath(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  const hash = createHash('sha256')
  if (found.isFile()) {
    for await (const chunk of createReadStream(path)) if (Buffer.isBuffer(chunk)) hash.update(chunk)
    return hash.digest('hex')
  }
  for (const name of (await readdir(path)).sort()) hash.update(`${name}\0${await hashPath(join(path, name))}\0`)
  return hash.digest('hex')
}
