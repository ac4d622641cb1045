import type { Tokenizer } from '@qt/core'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { localPath } from '../resolve.js'

/** The tokenizer that a flag names: a file, or a model that brings its own. */
export async function tokenizerFrom(file: string | undefined, io: Io): Promise<Tokenizer | undefined> {
  if (file === undefined) return undefined
  const library = await need('@qt/tokenizer', () => import('@qt/tokenizer'))
  return library.Tokenizer.load(await localPath(file, io))
}
