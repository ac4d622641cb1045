import { open } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import { Secret } from './secret.js'

/** Settings by the names of their environment variables. */
export interface Credentials {
  /** A value that is no secret. */
  text(name: string): string | undefined
  secret(name: string): Secret | undefined
}

export interface CredentialOptions {
  /** Lines NAME=value, with the same names; nobody but you may read it. The environment goes before. */
  readonly file?: string | undefined
  /** That of the process unless given. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * Keys from the environment or from a file that nobody else can read; never from flags, which other users of a machine see.
 *
 * @example
 * ```ts
 * const credentials = await readCredentials({ env: { DWAVE_API_TOKEN: 'DEV-…' } })
 * String(credentials.secret('DWAVE_API_TOKEN')) // '[secret]'
 * ```
 */
export async function readCredentials({ file, env = process.env }: CredentialOptions = {}): Promise<Credentials> {
  const fromFile = file === undefined ? new Map<string, string>() : await readLines(file)
  const text = (name: string) => env[name] || fromFile.get(name)
  return {
    text,
    secret(name) {
      const value = text(name)
      return value === undefined ? undefined : new Secret(value)
    },
  }
}

async function readLines(file: string): Promise<Map<string, string>> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw usageError('CLOUD_CREDENTIALS', `The file of credentials cannot be read: ${messageOf(cause)}.`, {
      where: { file },
      cause,
    })
  })
  try {
    // Of the open file, not of the name: nobody can exchange it in between. Windows has no such modes.
    const { mode } = await handle.stat()
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw usageError('CLOUD_CREDENTIALS_EXPOSED', 'Other users of this machine can read the file of credentials.', {
        where: { file },
        actions: [
          { label: 'Take their rights away, and consider the keys known.', command: `chmod 600 ${JSON.stringify(file)}` },
        ],
      })
    const lines = (await handle.readFile('utf8')).replace(/^\uFEFF/, '').split(/\r?\n/)
    const found = new Map<string, string>()
    for (const [index, line] of lines.entries()) {
      if (/^\s*(#|$)/.test(line)) continue
      const match = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line)
      if (match === null)
        throw usageError('CLOUD_CREDENTIALS', 'A line of the file of credentials is no NAME=value.', {
          where: { file, line: index + 1 },
          actions: ['Write one NAME=value a line; # begins a comment.'],
        })
      found.set(match[1]!, match[2]!.replace(/^(["'])(.*)\1$/, '$2'))
    }
    return found
  } finally {
    await handle.close()
  }
}

export const missingCredentials = (service: string, names: string) =>
  usageError('CLOUD_CREDENTIALS', `There are no credentials for ${service}.`, {
    actions: [`Set ${names} in the environment, or in a file that only you can read.`],
  })
