import { type ErrorLocation, usageError } from '@qt/core'

/** A string of JavaScript ends at half a gigabyte. */
const longest = 2 ** 28

/** A text that comes in pieces, such as a long line. */
export class TextParts {
  length = 0
  private parts: string[] = []

  push(text: string, where: ErrorLocation): void {
    this.length += text.length
    if (this.length > longest)
      throw usageError('DATA_RECORD_TOO_LARGE', `One record has more than ${longest} letters.`, {
        where,
        actions: ['Write one record a line (JSONL), or cut the text into several.'],
      })
    this.parts.push(text)
  }

  /** The whole text; from now on the next one. */
  end(last: string): string {
    this.parts.push(last)
    const text = this.parts.join('')
    this.parts = []
    this.length = 0
    return text
  }
}
