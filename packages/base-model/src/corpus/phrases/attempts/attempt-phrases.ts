/** What a player does and says that comes to one skill; `@` is somebody. */
export interface AttemptPhrases {
  /** Bare infinitives, in the first person: "climb the drainpipe". */
  readonly does: readonly string[]
  /** Whole utterances; `%` is a companion who does it. */
  readonly says: readonly string[]
}
