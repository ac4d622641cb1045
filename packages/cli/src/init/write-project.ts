import { constants, copyFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'
import type { Base } from './base.js'
import { type TemplateName, templateFiles } from './templates.js'

export interface WrittenProject {
  readonly written: readonly string[]
  /** Were there before and are as they were. */
  readonly kept: readonly string[]
}

interface ProjectOptions {
  readonly folder: string
  readonly template: TemplateName
  readonly base: Base | undefined
  /** Write beside files that are there already. */
  readonly force: boolean
}

/** Writes the files of a template; a file that exists is never overwritten. */
export async function writeProject({ folder, template, base, force }: ProjectOptions): Promise<WrittenProject> {
  const there = (await entriesOf(folder)).filter((name) => name !== '.git')
  if (there.length > 0 && !force)
    throw usageError(
      'INIT_NOT_EMPTY',
      `${folder} is not empty: it has ${there.slice(0, 3).join(', ')}${there.length > 3 ? ', …' : ''}.`,
      {
        where: { file: folder },
        actions: ['Name a new folder.', 'Or add --force: files that are there already are kept as they are.'],
      },
    )
  const [written, kept]: [string[], string[]] = [[], []]
  const put = async (path: string, write: (to: string) => Promise<void>) => {
    const to = join(folder, path)
    await makeFolder(dirname(to))
    const done = await write(to).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    ;(done ? written : kept).push(path)
  }
  for (const [path, text] of await templateFiles(template))
    await put(path, (to) => writeFile(to, filled(path, text, base), { flag: 'wx' }))
  if (base?.copy !== undefined) await put(base.name, (to) => copyFile(base.copy!, to, constants.COPYFILE_EXCL))
  return { written, kept }
}

async function entriesOf(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

const plain = /^[\w./][\w./@:-]*$/

/** A very small model that knows little has to move far; a large one is spoilt by such steps. */
const pace = {
  small: { epochs: '40', pipelineEpochs: '2', learningRate: '4e-3' },
  large: { epochs: '10', pipelineEpochs: '1', learningRate: '2e-3' },
} as const

function filled(path: string, text: string, base: Base | undefined): string {
  if (base === undefined) return text
  const { name, about, copy } = base
  const { epochs, pipelineEpochs, learningRate } = copy === undefined ? pace.large : pace.small
  if (path.endsWith('.yaml'))
    return text
      .replaceAll('__base__', () => (plain.test(name) ? name : JSON.stringify(name)))
      .replaceAll('__epochs__', epochs)
      .replaceAll('__pipeline_epochs__', pipelineEpochs)
      .replaceAll('__learning_rate__', learningRate)
  if (path !== 'README.md') return text
  return text.replaceAll('__base__', () => shellWord(name)).replaceAll('__about_base__', () => about)
}
