import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'

/** Lets one process at a time work in a run's folder; a lock whose process is gone does not count. Returns the release. */
export async function lockRun(output: string): Promise<() => Promise<void>> {
  const file = join(output, 'run.lock')
  await makeFolder(output)
  const mine = `${process.pid} ${(await startOf(process.pid)) ?? ''}`
  for (;;) {
    try {
      await writeFile(file, mine, { flag: 'wx' })
      return () => rm(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const [pid = '', start = ''] = (await readFile(file, 'utf8').catch(() => '')).split(' ')
    const owner = Number(pid)
    if (owner > 0 && owner !== process.pid && (await isWorking(owner, start)))
      throw usageError('RUN_LOCKED', `Process ${owner} is working in ${output}.`, {
        where: { file },
        actions: ['Wait until it ends, or stop it.', 'Choose another "output".'],
      })
    await rm(file, { force: true })
  }
}

/** When a living process began, in the kernel's ticks; undefined for one that is gone, or ended and not yet reaped, or elsewhere than Linux. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name, in brackets, may hold spaces; the state is the first field after it and the start the twentieth.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

async function isWorking(pid: number, start: string): Promise<boolean> {
  if (process.platform === 'linux') return start !== '' && (await startOf(pid)) === start
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
