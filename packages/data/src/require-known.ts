import { type ErrorLocation, usageError } from '@qt/core'

/** Tokens of a text that the model has a row for; a tokenizer of one's own may know more. */
export function requireKnown(ids: ArrayLike<number>, vocabularySize: number | undefined, where: ErrorLocation): void {
  if (vocabularySize === undefined) return
  for (let i = 0; i < ids.length; i++)
    if (ids[i]! >= vocabularySize)
      throw usageError(
        'DATA_TOKEN_OUT_OF_RANGE',
        `The tokenizer makes the token id ${ids[i]} of this, and the model knows ${vocabularySize} tokens (0 to ${vocabularySize - 1}).`,
        {
          where,
          actions: [
            'Where "tokenizer" is set, remove it: the base brings its own.',
            'Or use a model that has an embedding for each token of the tokenizer.',
          ],
        },
      )
}
