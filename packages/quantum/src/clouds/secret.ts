const shown = '[secret]'

/** A key, a token or a signed address: it goes into requests, and into nothing that is printed, logged or written as JSON. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  reveal(): string {
    return this.#text
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return shown
  }
}

/** A text of somebody else's without the secrets that it may repeat. */
export const withoutSecrets = (text: string, secrets: readonly string[]): string =>
  secrets.reduce((clean, secret) => (secret.length < 4 ? clean : clean.replaceAll(secret, shown)), text)
