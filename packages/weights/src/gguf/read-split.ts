import { usageError } from '@qt/core'
import { baseName, folderOf, joinPath } from '../io/paths.js'
import { malformed } from './cursor.js'
import { metadataNumber } from './metadata.js'
import { type Gguf, readGguf } from './read.js'

/** More than any published model; bounds the files that a hostile header makes us look for. */
const mostParts = 1000

const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/** True for the second and following parts of a split file. */
export const isLaterPart = (name: string): boolean => Number(partName.exec(name)?.[2] ?? 1) > 1

/**
 * The files of a GGUF model, by the name of any of them: all parts where the name is that of one (`name-00001-of-00003.gguf`), else the file itself.
 *
 * @example
 * ```ts
 * ggufParts('m-00001-of-00002.gguf') // ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf']
 * ```
 */
export function ggufParts(path: string): string[] {
  const [, stem, , total] = partName.exec(baseName(path)) ?? []
  const count = Number(total)
  if (!(count >= 1 && count <= mostParts)) return [path]
  return Array.from({ length: count }, (_, part) =>
    joinPath(folderOf(path), `${stem}-${String(part + 1).padStart(5, '0')}-of-${total}.gguf`),
  )
}

/**
 * Reads a GGUF file, or all parts of one that llama.cpp's gguf-split has cut (`name-00001-of-00003.gguf`): the metadata of the
 * first part and the tensors of all, each with the file that it lies in.
 *
 * @example
 * ```ts
 * const { tensors } = await readWholeGguf('model.gguf') // or 'model-00001-of-00002.gguf'
 * ```
 */
export async function readWholeGguf(path: string): Promise<Gguf> {
  const first = await readGguf(path)
  const count = metadataNumber(first.metadata, 'split.count') ?? 1
  if (count <= 1) return first
  const total = Number(partName.exec(baseName(path))?.[3])
  if (total !== count || count > mostParts)
    throw usageError(
      'GGUF_SPLIT',
      `${path} is one of ${count} parts, but its name does not end in -NNNNN-of-${String(count).padStart(5, '0')}.gguf.`,
      {
        where: { file: path },
        actions: ['Give the parts the names they were downloaded with.'],
      },
    )
  const parts: Gguf[] = []
  for (const part of ggufParts(path)) parts.push(await readGguf(part))
  return joined(parts)
}

function joined(parts: readonly Gguf[]): Gguf {
  const [first] = parts
  if (first === undefined) throw new Error('no parts')
  const owners = new Map<string, Gguf>()
  for (const part of parts)
    for (const name of part.tensors.keys()) {
      if (owners.has(name)) throw malformed(part.name, `the tensor ${name} is in another part too`, name)
      owners.set(name, part)
    }
  const owner = (name: string): Gguf => owners.get(name) ?? first
  return {
    ...first,
    tensors: new Map([...owners].map(([name, part]) => [name, part.tensors.get(name)!])),
    size: parts.reduce((sum, part) => sum + part.size, 0),
    read: (name) => owner(name).read(name),
    stream: (name) => owner(name).stream(name),
  }
}
