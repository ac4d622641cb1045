import { joinPath } from '../io/paths.js'
import { fileExists, readJsonObject } from '../model/read-json.js'

/** What a folder's files say of special tokens and chat, besides tokenizer.json. */
export interface SpecialTokens {
  readonly bos: number | undefined
  readonly eos: number | undefined
  readonly unknown: number | undefined
  readonly padding: number | undefined
  readonly addBos: boolean | undefined
  readonly addEos: boolean | undefined
  readonly chatTemplate: string | undefined
}

type Json = Readonly<Record<string, unknown>>

/** Token ids come from tokenizer_config.json's names; where it has none, from generation_config.json and config.json. */
export async function readSpecialTokens(folder: string, idOf: (token: string) => number | undefined): Promise<SpecialTokens> {
  const read = async (name: string): Promise<Json> => {
    const file = joinPath(folder, name)
    return (await fileExists(file)) ? readJsonObject(file) : {}
  }
  const tokenizer = await read('tokenizer_config.json')
  const map = await read('special_tokens_map.json')
  const numbers = [await read('generation_config.json'), await read('config.json')]
  const id = (name: string) => {
    const content = tokenText(tokenizer[`${name}_token`]) ?? tokenText(map[`${name}_token`])
    const named = content === undefined ? undefined : idOf(content)
    return named ?? numbers.map((json) => firstId(json[`${name}_token_id`])).find((value) => value !== undefined)
  }
  return {
    bos: id('bos'),
    eos: id('eos'),
    unknown: id('unk'),
    padding: id('pad'),
    addBos: boolean(tokenizer.add_bos_token),
    addEos: boolean(tokenizer.add_eos_token),
    chatTemplate: await chatTemplate(folder, tokenizer),
  }
}

const boolean = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

function tokenText(value: unknown): string | undefined {
  if (typeof value === 'object' && value !== null && 'content' in value) return tokenText(value.content)
  return typeof value === 'string' ? value : undefined
}

function firstId(value: unknown): number | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return Number.isSafeInteger(first) ? Number(first) : undefined
}

/** chat_template.jinja, else the template of tokenizer_config.json (of several the one named default). */
async function chatTemplate(folder: string, tokenizer: Json): Promise<string | undefined> {
  const file = joinPath(folder, 'chat_template.jinja')
  if (await fileExists(file)) {
    const { readFile } = await import('node:fs/promises')
    return readFile(file, 'utf8')
  }
  const value = tokenizer.chat_template
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const templates: Json[] = value.filter((item) => typeof item === 'object' && item !== null)
  const template = templates.find((item) => item.name === 'default')?.template
  return typeof template === 'string' ? template : undefined
}
