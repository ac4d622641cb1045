import { basename } from 'node:path'
import type { dataFormats } from '@qt/core'
import { type FindOptions, findFiles } from './find-files.js'
import { readWhole } from './read-lines.js'
import { looksLikeScenario } from './scenario/detect-scenario.js'

const isReadme = (file: string): boolean => /^readme\.md$/i.test(basename(file))

/** The data files of a path; the README of a folder of scenarios describes them and is none. */
export async function dataFiles(
  path: string | readonly string[],
  format: (typeof dataFormats)[number],
  options: FindOptions = {},
): Promise<string[]> {
  const files = await findFiles(path, options)
  if (!files.some(isReadme) || files.every(isReadme)) return files
  const others = files.filter((file) => !isReadme(file))
  if (format === 'scenarios') return others
  const [first] = others
  const scenarios = format === 'auto' && first?.endsWith('.md') && looksLikeScenario(await readWhole(first).catch(() => ''))
  return scenarios ? others : files
}
