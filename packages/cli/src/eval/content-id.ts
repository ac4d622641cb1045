import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'
import type { Values } from '../args/verb.js'
import type { Io } from '../io.js'
import type { loadFlags } from '../model-flags.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'
import { version } from '../version.js'

type Loading = Partial<Values<typeof loadFlags>>

/** What tells the answers of one model from those of another: its files and its adapters', how it answers, and the version of what ran it. */
export async function modelId(
  flags: Loading,
  positionals: readonly string[],
  { io, signal }: { readonly io: Io; readonly signal: AbortSignal },
): Promise<string> {
  const files = [await localPath(flags.model ?? positionals[0]!, io, signal), ...(flags.adapter ?? [])]
  return [await contentId(files, signal), ...answering(flags), `qt ${version()}`].join(' ')
}

const decisive = ['device', 'precision', 'kv-cache', 'context-length'] as const

/** What decides about an answer besides the model and its adapters, each by its name. */
const answering = (flags: Loading): string[] => {
  const device = flags.device === 'cpu' ? undefined : flags.device?.replace(/^cuda$/, 'cuda:0')
  const said = { ...flags, device }
  return decisive.flatMap((name) => (said[name] === undefined ? [] : [`${name} ${said[name]}`]))
}

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
  if (!(await stat(path)).isDirectory()) {
    const { ggufParts } = await need('@qt/weights', () => import('@qt/weights'))
    return ggufParts(path).map((file, part) => [part === 0 ? '' : String(part), file])
  }
  const found: (readonly [name: string, file: string])[] = []
  for (const name of (await readdir(path)).sort()) {
    // The cache of the hub is made of links: what counts is where they lead.
    if ((await stat(join(path, name))).isFile()) found.push([name, join(path, name)])
  }
  if (found.length === 0)
    throw usageError('MODEL_MISSING', `The folder ${path} has no files.`, {
      where: { file: path },
      actions: ['Name the folder that holds config.json and the weights.'],
    })
  return found
}
