import { QtError, usageError } from '@qt/core'

/** The file breaks the format it claims. */
export const invalid = (field: string, message: string) =>
  usageError('TOKENIZER_INVALID', message, {
    where: { field },
    actions: ['Download or export the tokenizer again.', 'Compare it with the tokenizer of the model it was made from.'],
  })

/** The file is fine but asks for something this package does not know. */
export const unsupported = (field: string, what: string) =>
  usageError('TOKENIZER_UNSUPPORTED', `This tokenizer uses ${what}, which is not supported.`, {
    where: { field },
    actions: ['Use the tokenizer.json or GGUF file of a llama, Qwen, GPT-2, SmolLM, Gemma, Phi or BERT model.'],
  })

/** Runs `work` and adds the file to an error that names none. */
export function inFile<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    if (!QtError.isInstance(thrown) || thrown.where?.file !== undefined) throw thrown
    throw new QtError({
      code: thrown.code,
      message: thrown.message,
      actions: thrown.actions,
      help: thrown.help,
      kind: thrown.kind,
      where: { ...thrown.where, file },
      cause: thrown,
    })
  }
}
