/**
 * An error of the operating system with the name of the file that people know: writing through a handle names none, and a temporary
 * name says nothing. Anything else as it is.
 */
export const namingFile = (error: unknown, file: string): unknown =>
  error instanceof Error && 'syscall' in error ? Object.assign(error, { path: file }) : error
