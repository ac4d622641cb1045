import { basename, dirname, relative, resolve, sep } from 'node:path'

/**
 * What files are called in reports: their paths from the folder that was named, so that runs which name it in different ways, or lie elsewhere,
 * have items of the same names. Where two would be called the same: from the folder that holds all of them.
 */
export function shortNames(files: readonly string[], named: readonly string[]): string[] {
  const [paths, roots] = [files.map((file) => resolve(file)), named.map((path) => resolve(path))]
  const short = paths.map((path) => {
    if (roots.includes(path)) return basename(path)
    const root = roots.find((one) => path.startsWith(one + sep))
    return root === undefined ? undefined : relative(root, path)
  })
  const clear = short.every((name) => name !== undefined) && new Set(short).size === short.length
  const common = clear ? '' : commonFolder(paths)
  return paths.map((path, i) => (clear ? short[i]! : relative(common, path)).replaceAll(sep, '/'))
}

function commonFolder(paths: readonly string[]): string {
  let folder = dirname(paths[0] ?? '')
  while (folder !== dirname(folder) && !paths.every((path) => path.startsWith(folder + sep))) folder = dirname(folder)
  return folder
}
