import type { TextExample } from '@qt/core'
import { codeKeys, firstKey } from './layouts.js'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

/** A document, and what a corpus of code says of it. */
export interface TextDocument extends TextExample {
  readonly language?: string
  readonly path?: string
  readonly repository?: string
  readonly licences?: readonly string[]
}

/** The document of a record: `text`, or the code of The Stack (`content`) and CodeSearchNet (`whole_func_string` …). */
export function readText({ value, where }: DataRecord): TextDocument {
  const key = firstKey(value, ['text', 'content', ...codeKeys]) ?? 'text'
  const text = value[key]
  if (typeof text !== 'string') throw recordError(where, key, `"${key}" must be text.`, `Write {"${key}": "…"}.`)
  const [language, path, repository] = [
    ['language', 'lang', 'programming_language'],
    ['max_stars_repo_path', 'func_path_in_repository', 'path'],
    ['max_stars_repo_name', 'repository_name', 'repo_name', 'repo'],
  ].map((keys) => textAt(value, keys))
  const given = value.max_stars_repo_licenses ?? value.detected_licenses ?? value.license ?? value.licenses
  const licences = (Array.isArray(given) ? given : [given]).filter((one) => typeof one === 'string' && one !== '')
  return {
    text,
    ...(language === undefined ? {} : { language }),
    ...(path === undefined ? {} : { path }),
    ...(repository === undefined ? {} : { repository }),
    ...(licences.length > 0 ? { licences: licences.map(String) } : {}),
  }
}

function textAt(value: Readonly<Record<string, unknown>>, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const found = value[key]
    if (typeof found === 'string' && found !== '') return found
  }
  return undefined
}
