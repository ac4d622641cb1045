import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The same for the same bytes, wherever the files lie: SHA-256 over the files, of a folder in the order of their names. */
export async function contentId(paths: readonly string[], signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths)
    for (const [name, file] of await filesOf(path)) {
      hash.update(`${name}\0${(await stat(file)).size}\0`)
      for await (const piece of createReadStream(file, { highWaterMark: 1 << 20, ...(signal ? { signal } : {}) }))
        hash.update(piece)
    }
  return hash.digest('hex')
}

async function filesOf(path: string): Promise<(readonly [name: string, file: string])[]> {
  if (!(await stat(path)).isDirectory()) return [['', path]]
  const entries = await readdir(path, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => [name, join(path, name)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
