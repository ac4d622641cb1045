import { messageOf, QtError } from '@qt/core'

/**
 * Imports a package on first use; when it is not installed, the error says how to install it.
 *
 * @example
 * ```ts
 * const { openModel } = await need('@qt/weights', () => import('@qt/weights'))
 * ```
 */
export async function need<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
    // Either the package itself, or, in a repository that was not built, its entry.
    if (!absent || !(messageOf(cause).includes(`'${name}'`) || messageOf(cause).includes(`${name}/dist/`))) throw cause
    throw new QtError({
      code: 'PACKAGE_MISSING',
      message: `This needs the package ${name}, which is not installed.`,
      actions: [{ label: 'Install it; in a clone of the repository, build it: npm run build.', command: `npm install ${name}` }],
      cause,
    })
  }
}
