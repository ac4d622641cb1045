import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { shellWord } from '@qt/core'

/** What runs this program inside a folder: `qt` on PATH, `npx qt` below where it is installed, else the program by its path. */
export function commandIn(folder: string, env: NodeJS.ProcessEnv = process.env, program = process.argv[1] ?? 'qt'): string {
  const own = realOf(program)
  const isOwn = (path: string) => existsSync(path) && (process.platform === 'win32' || realOf(path) === own)
  // npx puts the folders of the packages here, which are gone when it ends.
  const path = (env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules') && !one.includes('_npx'))
  if (path.some((one) => isOwn(join(one, 'qt')))) return 'qt'
  for (let at = resolve(folder); ; at = dirname(at)) {
    if (isOwn(join(at, 'node_modules', '.bin', 'qt'))) return 'npx qt'
    if (dirname(at) === at) return `node ${shellWord(resolve(program))}`
  }
}

/** A command of ours as it is typed here: in a clone nothing on PATH is called qt. */
export const pasteable = (command: string): string => command.replace(/^qt /, () => `${commandIn('.')} `)

function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
