import type { ChatMessage, Tokenizer } from '@qt/core'
import { chatTemplateOf, templateTokens } from './chat-template.js'
import { type RenderChatOptions, renderChat } from './render-chat.js'
import { encodeRendered } from './special-frame.js'

/**
 * The tokens of a conversation as training sees it: by the model's template, or ChatML. Generation uses the same, so that a model is
 * asked the way it was taught.
 *
 * @example
 * ```ts
 * const prompt = encodeChat([{ role: 'user', content: 'I search the altar' }], tokenizer, { addGenerationPrompt: true })
 * ```
 */
export const encodeChat = (
  messages: readonly ChatMessage[],
  tokenizer: Tokenizer,
  options: Omit<RenderChatOptions, 'bosToken' | 'eosToken'> = {},
): Uint32Array =>
  encodeRendered(renderChat(messages, chatTemplateOf(tokenizer), { ...templateTokens(tokenizer), ...options }), tokenizer)
