import type { ChatMessage, Executor, ProgramLanguage } from '@qt/core'

/** How the model is asked: `base` continues text, `instruct` answers a chat. */
export type CodeStyle = 'base' | 'instruct'

export interface CodeQuestion {
  readonly prompt: string | readonly ChatMessage[]
  /** Texts that end the answer. */
  readonly stop: readonly string[]
}

/** What became of one answer. */
export interface CodeVerdict {
  readonly passed: boolean
  /** 0 to 1: the share of hidden tests, mutants or demands that the answer meets; 1 when it passed. */
  readonly score: number
  /** What was found, in a sentence or in the last lines of what the program said. */
  readonly detail: string
}

export interface VerifyOptions {
  readonly executor: Executor
  readonly signal?: AbortSignal | undefined
  /** Longest run of one program; default 10. */
  readonly wallSeconds?: number | undefined
}

/** One problem: how to ask, how to read the answer, how to judge it. */
export interface CodeTask {
  readonly id: string
  readonly suite: string
  readonly language: ProgramLanguage
  ask(style: CodeStyle): CodeQuestion
  /** The answer's text as what is judged: a whole program, a test, a comment. */
  candidate(answer: string, style: CodeStyle): string
  verify(candidate: string, options: VerifyOptions): Promise<CodeVerdict>
  /** What a bare completion goes on from; left out where the code stands alone. */
  readonly completes?: string
  /** A candidate that passes. */
  readonly reference: string
  /** Candidates that do not. */
  readonly wrong: readonly string[]
}
