/** A vocabulary that grows: tokens get their ids in the order in which they are first asked for. */
export class TokenIds {
  readonly tokens: string[] = []
  private readonly ids = new Map<string, number>()

  constructor(first: readonly string[] = []) {
    for (const token of first) this.of(token)
  }

  /** The id of a token that is there already. */
  known(token: string): number | undefined {
    return this.ids.get(token)
  }

  /** The id of a token, which is there from now on. */
  of(token: string): number {
    const known = this.ids.get(token)
    if (known !== undefined) return known
    this.ids.set(token, this.tokens.length)
    return this.tokens.push(token) - 1
  }
}
