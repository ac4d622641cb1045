import type { Tokenizer } from '@qt/core'

const chatMl = (end: string): string =>
  `{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content }}` +
  `{% if message.tool_calls %}{% for call in message.tool_calls %}{{ '<tool_call>\\n' + (call.function | tojson) + '\\n</tool_call>' }}{% endfor %}{% endif %}` +
  `{{ ${end} + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`

/**
 * The template that a model converses by: its own, else plain ChatML. Where the vocabulary has no `<|im_end|>`, a turn ends in
 * the tokenizer's end token, so that the model still learns to stop. Training and generation must both take it from here.
 */
export const chatTemplateOf = (tokenizer: Tokenizer): string =>
  tokenizer.chatTemplate ??
  chatMl(tokenizer.id('<|im_end|>') === undefined && tokenizer.eosId !== undefined ? 'eos_token' : "'<|im_end|>'")

/** The tokens that templates name `bos_token` and `eos_token`. */
export function templateTokens(tokenizer: Tokenizer): { bosToken?: string; eosToken?: string } {
  const bosToken = tokenizer.bosId === undefined ? undefined : tokenizer.token(tokenizer.bosId)
  const eosToken = tokenizer.eosId === undefined ? undefined : tokenizer.token(tokenizer.eosId)
  return { ...(bosToken === undefined ? {} : { bosToken }), ...(eosToken === undefined ? {} : { eosToken }) }
}
