import { messageOf, QtError } from '@qt/core'

/** DuckDB, when it is installed; it is 70 MB of native code, so it comes only when asked for. */
export async function duckdb(required: boolean): Promise<typeof import('@duckdb/node-api') | undefined> {
  try {
    return await import('@duckdb/node-api')
  } catch (cause) {
    if (!required) return undefined
    throw new QtError({
      code: 'PACKAGE_MISSING',
      message: `This needs the package @duckdb/node-api, which cannot be loaded: ${messageOf(cause)}.`,
      actions: [{ label: 'Install it.', command: 'npm install @duckdb/node-api' }],
      cause,
    })
  }
}
