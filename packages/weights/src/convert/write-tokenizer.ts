import { readGguf } from '../gguf/read.js'
import { folderOf, joinPath } from '../io/paths.js'
import { fileExists } from '../model/read-json.js'
import { tokenizerFiles } from '../vocabulary/from-gguf.js'

/** Puts tokenizer.json and tokenizer_config.json into a folder, from a tokenizer.json, a GGUF file, or a folder with one of them. */
export async function writeTokenizer(folder: string, from: string): Promise<void> {
  const { copyFile } = await import('node:fs/promises')
  const file = await tokenizerIn(from)
  if (file.endsWith('.json')) {
    await copyFile(file, joinPath(folder, 'tokenizer.json'))
    const config = joinPath(folderOf(file), 'tokenizer_config.json')
    if (await fileExists(config)) await copyFile(config, joinPath(folder, 'tokenizer_config.json'))
    return
  }
  const { writeFileAtomic } = await import('@qt/core/node')
  const { metadata } = await readGguf(file)
  const { tokenizer, tokenizerConfig } = tokenizerFiles(metadata, file)
  await writeFileAtomic(joinPath(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer, null, 2)}\n`)
  await writeFileAtomic(joinPath(folder, 'tokenizer_config.json'), `${JSON.stringify(tokenizerConfig, null, 2)}\n`)
}

async function tokenizerIn(path: string): Promise<string> {
  const { readdir, stat } = await import('node:fs/promises')
  if (!(await stat(path)).isDirectory()) return path
  const names = await readdir(path)
  const name = names.includes('tokenizer.json') ? 'tokenizer.json' : names.find((candidate) => candidate.endsWith('.gguf'))
  return name === undefined ? path : joinPath(path, name)
}
