import { chatTemplateOf, resultRoleOf } from '@qt/data'
import { Tokenizer } from '@qt/tokenizer'
import { openModel } from '@qt/weights'

/** Who says the results of tools to a base: its chat template decides, in training as later on. */
export async function resultRoleOfBase(base: string): Promise<'tool' | 'user'> {
  const { tokenizerFile } = await openModel(base)
  return resultRoleOf(chatTemplateOf(await Tokenizer.load(tokenizerFile ?? base)))
}
