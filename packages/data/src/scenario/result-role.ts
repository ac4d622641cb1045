import { QtError } from '@qt/core'
import { renderChat } from '../render-chat.js'

const mark = 'perception: 15 + 3(skill) = *18*'

/**
 * The role that a chat template shows the results of tools by: `tool`, or `user` when it refuses or drops such messages.
 *
 * @example
 * ```ts
 * toConversations(parseScenario(text), { resultRole: resultRoleOf(chatTemplateOf(tokenizer)) })
 * ```
 */
export function resultRoleOf(template: string): 'tool' | 'user' {
  try {
    const text = renderChat(
      [
        { role: 'system', content: 'S' },
        { role: 'user', content: 'U' },
        { role: 'assistant', content: 'A' },
        { role: 'tool', content: mark },
        { role: 'assistant', content: 'B' },
        { role: 'user', content: 'V' },
        { role: 'assistant', content: 'C' },
      ],
      template,
      { date: new Date(0) },
    )
    return text.includes(mark) ? 'tool' : 'user'
  } catch (error) {
    if (QtError.isInstance(error)) return 'user'
    throw error
  }
}
