/** What a player does and says that comes to one skill; `@` is somebody. */
export interface AttemptPhrases {
  /** Bare infinitives, in the first person: "climb the drainpipe". */
  readonly does: readonly string[]
  /** The same with alternatives and nouns to be filled in: "(scan|survey) <place> for <threat>". */
  readonly turns: readonly string[]
  /** Whole utterances; `%` is a companion who does it. */
  readonly says: readonly string[]
}
