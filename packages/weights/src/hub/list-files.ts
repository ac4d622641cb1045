import { usageError } from '@qt/core'
import { z } from 'zod'
import { checkFile } from './reference.js'
import { type HubConnection, hubRequest } from './request.js'

const treeSchema = z.array(z.looseObject({ type: z.string(), path: z.string(), size: z.number().optional() }))

export interface HubFile {
  readonly path: string
  readonly size: number
}

const mostPages = 100

/** The files of a repository at a revision, from the hub's tree API, page by page. */
export async function listFiles(connection: HubConnection, repository: string, revision: string): Promise<HubFile[]> {
  const files: HubFile[] = []
  // The API calls models by name what addresses call by their bare name.
  const address = repository.startsWith('datasets/') ? repository : `models/${repository}`
  let url: string | undefined = `${connection.endpoint}/api/${address}/tree/${encodeURIComponent(revision)}?recursive=true`
  for (let page = 0; url !== undefined && page < mostPages; page++) {
    const response: Response = await hubRequest(connection, url, repository)
    const parsed = treeSchema.safeParse(await response.json().catch(() => undefined))
    if (!parsed.success)
      throw usageError('HUB_ANSWER', `The list of files of ${repository} cannot be understood.`, {
        actions: ['Check HF_ENDPOINT.'],
      })
    for (const { type, path, size } of parsed.data)
      if (type === 'file') {
        checkFile(path, repository)
        files.push({ path, size: size ?? 0 })
      }
    url = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  }
  return files
}

const wanted = [
  /^config\.json$/,
  /^generation_config\.json$/,
  /^tokenizer[^/]*$/,
  /^special_tokens_map\.json$/,
  /^added_tokens\.json$/,
]
const wantedToo = [/^vocab\.(json|txt)$/, /^merges\.txt$/, /^chat_template\.(jinja|json)$/, /^adapter_config\.json$/]
const weights = [/^model(-\d+-of-\d+)?\.safetensors$/, /^model\.safetensors\.index\.json$/, /^adapter_model\.safetensors$/]

/** What a model or an adapter needs of a repository: no pickles, no copies in other formats. A lone GGUF is taken itself. */
export function filesToTake(files: readonly HubFile[], repository: string): HubFile[] {
  const matching = (patterns: readonly RegExp[]) => files.filter(({ path }) => patterns.some((pattern) => pattern.test(path)))
  if (matching(weights).length > 0) return matching([...wanted, ...wantedToo, ...weights])
  const ggufs = files.filter(({ path }) => path.endsWith('.gguf'))
  if (ggufs.length === 1) return ggufs
  const found = ggufs.map(({ path }) => path)
  throw usageError(
    'HUB_NO_MODEL',
    found.length > 1 ? `${repository} holds ${found.length} GGUF files.` : `${repository} holds no safetensors and no GGUF.`,
    { actions: found.slice(0, 8).map((path) => `Choose one: ${repository}:${path}`) },
  )
}
