import { formatOf } from './detect-format.js'
import { findFiles } from './find-files.js'
import { readChat } from './read-chat.js'
import { readInstruction } from './read-instruction.js'
import { readRecords } from './read-records.js'
import { readText } from './read-text.js'
import { recordError } from './record-error.js'
import { locateScenario } from './scenario/parse-scenario.js'
import { toConversations } from './scenario/to-conversations.js'

/**
 * The bare texts of data files, whatever their shape: documents, or what is said in conversations. For training a tokenizer.
 *
 * @example
 * ```ts
 * for await (const text of readTexts('data/**')) console.log(text.length)
 * ```
 */
export async function* readTexts(path: string | readonly string[]): AsyncGenerator<string> {
  for (const file of await findFiles(path))
    for await (const record of readRecords(file)) {
      const format = formatOf(record, 'auto')
      const { value, where } = record
      if (format === 'chat') yield* readChat(record).messages.map(({ content }) => content)
      else if (format === 'instructions') yield* readInstruction(record).messages.map(({ content }) => content)
      else if (format === 'scenarios' && typeof value.text === 'string')
        for (const { messages } of toConversations(locateScenario(value.text).scenario))
          yield* messages.map(({ content }) => content)
      else if (format === 'text') yield readText(record).text
      else throw recordError(where, 'input_ids', 'This record has no text.', 'Give texts, not token ids.')
    }
}
