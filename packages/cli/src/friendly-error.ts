import { QtError } from '@qt/core'

type Explained = readonly [what: string, action: string, kind?: 'failure']

/** What is nobody's mistake is a failure, not bad input. */
const system: Readonly<Record<string, Explained>> = {
  ENOENT: ['does not exist', 'Check the path.'],
  EACCES: ['may not be read or written by you', 'Change its permissions, or run as a user who may.'],
  EPERM: ['may not be read or written by you', 'Change its permissions, or run as a user who may.'],
  EISDIR: ['is a folder', 'Give the path of a file.'],
  ENOTDIR: ['goes through something that is not a folder', 'Check the path.'],
  ENOSPC: ['does not fit: the disk is full', 'Free some space and try again.', 'failure'],
  EDQUOT: ['does not fit: your share of the disk is used up', 'Free some space and try again.', 'failure'],
  EFBIG: ['is larger than a file may be here', 'Raise the limit (ulimit -f), or write to another disk.', 'failure'],
  EIO: ['cannot be read or written: the disk fails', 'Check the disk, or use another one.', 'failure'],
  EROFS: ['lies on a read-only disk', 'Choose another place to write to.'],
}

const isSystemError = (value: unknown): value is NodeJS.ErrnoException =>
  value instanceof Error && 'code' in value && 'syscall' in value

/** Errors of the operating system in the words of this command; everything else as it is. */
export function friendly(thrown: unknown): unknown {
  if (thrown instanceof Error && thrown.name === 'AbortError')
    return new QtError({ code: 'INTERRUPTED', kind: 'interrupted', message: 'Interrupted; nothing was changed.', cause: thrown })
  if (QtError.isInstance(thrown) || !isSystemError(thrown)) return thrown
  const known = system[thrown.code ?? '']
  if (!known) return thrown
  const [what, action, kind = 'usage'] = known
  const { path } = thrown
  return new QtError({
    code: 'FILE_PROBLEM',
    message: `${path ?? 'A file'} ${what}.`,
    kind,
    ...(path === undefined ? {} : { where: { file: path } }),
    actions: [action],
    cause: thrown,
  })
}

/** 0 done, 1 failed, 2 bad usage or input, 130 interrupted. */
export function exitCodeOf(thrown: unknown): number {
  const error = friendly(thrown)
  if (!QtError.isInstance(error)) return 1
  return { usage: 2, failure: 1, interrupted: 130 }[error.kind]
}
