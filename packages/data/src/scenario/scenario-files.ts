import { open, realpath } from 'node:fs/promises'
import { basename, dirname, relative, sep } from 'node:path'
import { usageError } from '@qt/core'
import { everyFile } from '../find-files.js'
import type { WalkOptions } from '../walk-folder.js'
import { looksLikeScenario } from './detect-scenario.js'
import { toFinding } from './finding.js'

const isScenario = (file: string): boolean => /\.(md|markdown)$/i.test(file) && !/^readme\./i.test(basename(file))
const isText = (file: string): boolean => /\.(txt|text)$/i.test(file) && !/^readme\./i.test(basename(file))

/**
 * The scenario files of a folder, or of a pattern; a README describes them and is none. Each real path comes once, and `onFinding` is
 * told of links, of what cannot be read, and of text files that look like scenarios and are none by their name.
 */
export async function scenarioFiles(path: string | readonly string[], options: WalkOptions = {}): Promise<string[]> {
  const found = new Set<string>()
  const misnamed = new Set<string>()
  for (const one of typeof path === 'string' ? [path] : path)
    for (const file of await everyFile(one, options)) {
      if (isScenario(file)) found.add(file)
      else if (isText(file) && (await beginsScenario(file))) misnamed.add(file)
    }
  for (const file of misnamed)
    options.onFinding?.(
      toFinding(
        {
          code: 'not-markdown',
          severity: 'warning',
          line: 1,
          message: 'This looks like a scenario, but only .md files are read.',
          fix: `Rename it to ${basename(file).replace(/\.\w+$/, '.md')}.`,
        },
        file,
      ),
    )
  if (found.size > 0) return [...found]
  if (options.avoid && options.avoid.size > 0 && (await withoutAvoiding(path)))
    throw usageError('DATA_NOT_FOUND', `Every scenario at ${String(path)} is held out.`, {
      where: { file: String(path) },
      actions: ['Keep scenarios to train on in one folder and those that are held out in another one.'],
    })
  throw usageError('DATA_NOT_FOUND', `No scenario was found at ${String(path)}.`, {
    where: { file: String(path) },
    actions: [
      misnamed.size > 0
        ? `Name scenarios .md: ${[...misnamed]
            .slice(0, 3)
            .map((file) => basename(file))
            .join(', ')}.`
        : 'Put scenarios (.md) there, or correct the path.',
    ],
  })
}

const withoutAvoiding = async (path: string | readonly string[]): Promise<boolean> => {
  const none = { onFinding: () => {} }
  for (const one of typeof path === 'string' ? [path] : path) if ((await everyFile(one, none)).some(isScenario)) return true
  return false
}

/** Whether a text file begins like a scenario; one that cannot be read does not. */
async function beginsScenario(file: string): Promise<boolean> {
  const handle = await open(file).catch(() => undefined)
  try {
    const head = await handle?.read(Buffer.alloc(mostHead), 0, mostHead, 0)
    return head !== undefined && looksLikeScenario(head.buffer.toString('utf8', 0, head.bytesRead))
  } catch {
    return false
  } finally {
    await handle?.close()
  }
}

const mostHead = 65_536

/** The category of a file: the folder below the root that it lies in, if any. */
export function categoryOf(file: string, root: string): string | undefined {
  const parts = relative(root, dirname(file)).split(sep)
  return parts[0] === '' || parts[0] === '..' ? undefined : parts[0]
}

/** Where files lie, links resolved. */
export const realPaths = async (files: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set(await Promise.all(files.map((file) => realpath(file).catch(() => file))))
