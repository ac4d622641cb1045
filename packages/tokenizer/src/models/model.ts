import type { Ids } from '../ids.js'

/** Turns one pre-token, `text[from, to)`, into ids. */
export interface Model {
  encode(text: string, from: number, to: number, out: Ids): void
}
