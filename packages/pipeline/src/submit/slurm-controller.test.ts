import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { followSubmission } from './follow.js'
import { slurmJobState } from './slurm-job.js'

// A controller that comes and goes cannot be had from Slurm at will: these programs say what Slurm's say then.
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-controller-'))
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`)
  await program('sacct', 'exit 1')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

async function program(name: string, body: string): Promise<void> {
  await writeFile(join(folder, name), `#!/bin/bash\n${body}\n`)
  await chmod(join(folder, name), 0o755)
}

test('only a job that the controller says it does not know is unknown', async () => {
  await program('scontrol', 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1')
  expect(await slurmJobState({ job: '7' })).toEqual({ state: 'UNKNOWN', phase: 'unknown' })
  await program('sacct', 'echo "COMPLETED|0:0|00:10:00|node1"')
  expect(await slurmJobState({ job: '7' })).toMatchObject({ state: 'COMPLETED', phase: 'succeeded' })
})

test('a controller that does not answer is an error in its words', async () => {
  await program('scontrol', 'echo "slurm_load_jobs error: Socket timed out on send/recv operation" >&2; exit 1')
  await expect(slurmJobState({ job: '7' })).rejects.toMatchObject({
    code: 'SUBMIT_REFUSED',
    message: expect.stringContaining('Socket timed out'),
  })
})

test('a controller that is away for a while does not end the following of a job, unless it was never there', async () => {
  const looks = join(folder, 'looks')
  await program(
    'scontrol',
    `echo >>${looks}
case $(wc -l <${looks}) in
  1) echo "JobId=7 JobState=RUNNING" ;;
  2) echo "slurm_load_jobs error: Socket timed out on send/recv operation" >&2; exit 1 ;;
  *) echo "JobId=7 JobState=COMPLETED" ;;
esac`,
  )
  const submission = { to: 'slurm', job: '7', time: '2026-01-01T00:00:00Z', run: folder } as const
  const states: string[] = []
  for await (const news of followSubmission(submission, { every: 1 })) if (news.type === 'state') states.push(news.state.state)
  expect(states).toEqual(['RUNNING', 'COMPLETED'])
  await program('scontrol', 'echo "Unable to contact slurm controller" >&2; exit 1')
  await expect(followSubmission(submission, { every: 1 }).next()).rejects.toMatchObject({ code: 'SUBMIT_REFUSED' })
})
