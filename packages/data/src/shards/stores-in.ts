import { join } from 'node:path'
import { TokenStore } from '../token-store.js'
import { FilePieces } from './file-pieces.js'

export interface DiskStores {
  /** For `prepareRows`, whose rows are read from these until `close`. */
  readonly store: (part: 'train' | 'validation') => TokenStore
  close(): void
}

/**
 * Keeps tokens in files of a folder instead of in memory, so that data may be larger than that.
 *
 * @example
 * ```ts
 * const disk = storesIn('scratch')
 * const rows = await prepareRows(config, tokenizer, { store: disk.store })
 * disk.close()
 * ```
 */
export function storesIn(folder: string): DiskStores {
  const stores: TokenStore[] = []
  return {
    store(part) {
      const store = new TokenStore(new FilePieces(join(folder, `${part}.pieces`)))
      stores.push(store)
      return store
    },
    close() {
      for (const store of stores.splice(0)) store.close()
    },
  }
}
