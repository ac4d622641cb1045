import { usageError } from '@qt/core'

/** A repository of the hub, a revision of it and, perhaps, one of its files. */
export interface HubReference {
  readonly repository: string
  readonly revision: string | undefined
  readonly file: string | undefined
}

/** `owner/name[@revision][:file]`, or undefined for what is none. */
export function parseReference(reference: string): HubReference | undefined {
  const match = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?(?::(.+))?$/.exec(reference)
  if (match === null) return undefined
  const [, repository = '', revision, file] = match
  if (repository.split('/').some((part) => part === '.' || part === '..')) return undefined
  if (file !== undefined) checkFile(file, reference)
  return { repository, revision, file }
}

/** A path inside a repository may not leave it. */
export function checkFile(file: string, where: string): void {
  if (
    file.startsWith('/') ||
    /[\\:\0]/.test(file) ||
    file.split('/').some((part) => part === '..' || part === '.' || part === '')
  )
    throw usageError('HUB_FILE_NAME', `The file name ${JSON.stringify(file)} of ${where} is not a path inside the repository.`, {
      actions: ['Give the path as the repository lists it.'],
    })
}
