import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'

/** Lets one process at a time work in a run's folder; a lock whose process is gone does not count. Returns the release. */
export async function lockRun(output: string): Promise<() => Promise<void>> {
  const file = join(output, 'run.lock')
  await mkdir(output, { recursive: true })
  for (;;) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' })
      return () => rm(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => ''))
    if (owner > 0 && owner !== process.pid && isAlive(owner))
      throw usageError('RUN_LOCKED', `Process ${owner} is working in ${output}.`, {
        where: { file },
        actions: ['Wait until it ends, or stop it.', 'Choose another "output".'],
      })
    await rm(file, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
