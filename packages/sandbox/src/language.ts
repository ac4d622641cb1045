import { posix } from 'node:path'
import { type Program, type ProgramLanguage, QtError, usageError } from '@qt/core'
import type { Interpreter } from './programs.js'
import { plainJavaScript } from './typescript.js'

export interface Interpreters {
  readonly node: Interpreter
  readonly python: Interpreter | undefined
}

const entries: Readonly<Record<ProgramLanguage, string>> = {
  python: 'main.py',
  javascript: 'main.mjs',
  typescript: 'main.ts',
  shell: 'main.sh',
}

/** What to run and the files for it. */
export async function resolveProgram(
  program: Program,
  { node, python }: Interpreters,
  memoryBytes: number,
): Promise<{ command: string[]; files: Map<string, Uint8Array> }> {
  const { language, code, command, args = [] } = program
  if ((language === undefined) === (command === undefined))
    throw usageError('SANDBOX_PROGRAM', 'A program is either of a language, or a command.', {
      actions: ["Give language: 'python' and code, or command: ['sh', '-c', 'ls']."],
    })
  const given = Object.entries(program.files ?? {})
  if (language === undefined) return { command: [...command!, ...args], files: checked(given) }
  const entry = program.entry ?? entries[language]
  const texts = code === undefined ? given : [...given.filter(([name]) => name !== entry), [entry, code] as const]
  const files = checked(texts)
  if (!files.has(normal(entry)))
    throw usageError('SANDBOX_PROGRAM', `There is no file ${entry} to run.`, {
      actions: ['Give its text as code or in files, or name another entry.'],
    })
  switch (language) {
    case 'python':
      if (!python)
        throw new QtError({
          code: 'SANDBOX_NO_INTERPRETER',
          message: 'There is no python3 on this machine.',
          actions: [{ label: 'Install it.', command: 'apt install python3' }],
        })
      return { command: [python.path, '-s', entry, ...args], files }
    case 'javascript':
      return { command: [node.path, heap(memoryBytes), entry, ...args], files }
    case 'typescript': {
      const scripts = await plainJavaScript(files)
      return { command: [node.path, heap(memoryBytes), entry.replace(/ts$/, 'js'), ...args], files: scripts }
    }
    case 'shell':
      return { command: ['/bin/sh', entry, ...args], files }
  }
}

/** Room for Node itself beside its heap. */
const heap = (memoryBytes: number): string => `--max-old-space-size=${Math.max(16, Math.floor((memoryBytes / 2 ** 20) * 0.75))}`

const normal = (name: string): string => posix.normalize(name)

function checked(files: readonly (readonly [string, string | Uint8Array])[]): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const [name, content] of files) {
    const path = normal(name)
    if (path.startsWith('/') || path.startsWith('..') || path === '.' || path.endsWith('/') || path.includes('\0'))
      throw usageError('SANDBOX_FILE_NAME', `"${name}" is no name for a file of a program.`, {
        actions: ['Name files relative to the working folder, without "..".'],
      })
    found.set(path, typeof content === 'string' ? Buffer.from(content) : content)
  }
  return found
}
