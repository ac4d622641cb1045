import { execFile } from 'node:child_process'

/** What a program prints, or undefined when it is not there, fails or takes too long. */
export const outputOf = (program: string, args: readonly string[], signal?: AbortSignal): Promise<string | undefined> =>
  new Promise((resolve) => {
    // npm is a script on Windows, which only a shell runs; the arguments here are constants.
    const shell = process.platform === 'win32' && program === 'npm'
    execFile(program, [...args], { timeout: 15_000, shell, windowsHide: true, ...(signal ? { signal } : {}) }, (error, stdout) =>
      resolve(error ? undefined : stdout.trim()),
    )
  })
