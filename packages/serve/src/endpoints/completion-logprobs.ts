import type { Tokenizer } from '@qt/core'
import type { ScoredToken } from './echo.js'
import { finite, tokenText } from './token-text.js'

export interface CompletionLogprobs {
  readonly tokens: string[]
  readonly token_logprobs: (number | null)[]
  readonly top_logprobs: (Record<string, number> | null)[] | null
  readonly text_offset: number[]
}

/** As completions tell of tokens; `from` is where the first of them begins in the text. */
export function completionLogprobs(
  tokenizer: Tokenizer,
  tokens: readonly ScoredToken[],
  alternatives: number,
  from: number,
): CompletionLogprobs {
  const texts = tokens.map(({ id }) => tokenText(tokenizer, id))
  let offset = from
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logProbability }) => (logProbability === undefined ? null : finite(logProbability))),
    top_logprobs:
      alternatives === 0
        ? null
        : tokens.map((token, i) =>
            token.logProbability === undefined
              ? null
              : Object.fromEntries([
                  ...token.alternatives.map((one) => [tokenText(tokenizer, one.id), finite(one.logProbability)]),
                  [texts[i]!, finite(token.logProbability)],
                ]),
          ),
    text_offset: texts.map((text) => {
      const at = offset
      offset += text.length
      return at
    }),
  }
}
