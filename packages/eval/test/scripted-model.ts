import type { ChatMessage, LanguageModel, Prompt } from '@qt/core'

/** A model that says what a script says; counts how often it was asked. */
export function scriptedModel(
  answer: (last: ChatMessage, turn: number) => string,
  name = 'scripted',
): LanguageModel & { readonly asked: Prompt[] } {
  const asked: Prompt[] = []
  const say = (prompt: Prompt): string => {
    asked.push(prompt)
    return typeof prompt === 'string' ? '' : answer(prompt.at(-1)!, prompt.length)
  }
  return {
    name,
    asked,
    async generate(prompt, { signal } = {}) {
      signal?.throwIfAborted()
      const text = say(prompt)
      return { text, tokens: text.length, why: 'end' }
    },
    async *stream(prompt) {
      yield say(prompt)
    },
    close: async () => {},
  }
}
