import { join } from 'node:path'
import { makeFolder, writeFileAtomic } from '@qt/core/node'

/** Writes tokenizer.json and what Hugging Face wants beside it. */
export async function writeTokenizerFolder(folder: string, json: unknown, endToken: string | undefined): Promise<string> {
  await makeFolder(folder)
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    ...(endToken === undefined ? {} : { eos_token: endToken }),
    clean_up_tokenization_spaces: false,
  }
  const file = join(folder, 'tokenizer.json')
  await writeFileAtomic(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`)
  await writeFileAtomic(file, JSON.stringify(json))
  return file
}
