/** Tokens that end a turn or a text in the vocabularies of today, as llama.cpp knows them. */
export const endTokens: readonly string[] = [
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '</s>',
  '<|eom_id|>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
  '<|end_of_text|>',
  '<end_of_utterance>',
  '<eos>',
  '<turn|>',
  '<|tool_response>',
  '<｜end▁of▁sentence｜>',
]

/** Ids after which generation stops: those given and those known by name. */
export function endIdsOf(idOf: (token: string) => number | undefined, given: Iterable<number | undefined>): Set<number> {
  const ends = new Set<number>()
  for (const id of given) if (id !== undefined) ends.add(id)
  for (const token of endTokens) {
    const id = idOf(token)
    if (id !== undefined) ends.add(id)
  }
  // In gpt-oss and Gemma 4 these two occur inside a turn.
  const drop = (token: string, ...others: string[]) => {
    const id = idOf(token)
    if (id !== undefined && others.every((other) => idOf(other) !== undefined)) ends.delete(id)
  }
  drop('<|end|>', '<|return|>', '<|call|>')
  drop('</s>', '<|tool_response>')
  return ends
}
