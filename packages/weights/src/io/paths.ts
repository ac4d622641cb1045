/** `folder/name`, on every platform and in a browser. */
export const joinPath = (folder: string, name: string): string =>
  `${folder.replace(/[/\\]+$/, '') || '/'}/${name}`.replace(/^\/\//, '/')

/** The last part of a path. */
export const baseName = (path: string): string =>
  path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1) ?? path

/** The folder of a path; `.` for a bare name. */
export const folderOf = (path: string): string => {
  const parts = path.replace(/[/\\]+$/, '').split(/[/\\]/)
  return parts.length < 2 ? '.' : parts.slice(0, -1).join('/') || '/'
}
