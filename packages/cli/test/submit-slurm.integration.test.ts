import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseEvent } from '@qt/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { missingPrograms, slurm, startSlurm } from './one-node-slurm.js'
import { fixture, qt, start } from './qt.js'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const missing = missingPrograms()
if (missing.length > 0) console.log(`Slurm is not tested: ${missing.join(', ')} not installed (Debian: slurm-wlm, munge).`)

describe.skipIf(missing.length > 0)('qt submit on a one-node Slurm', () => {
  let cluster: Awaited<ReturnType<typeof startSlurm>>
  let base = ''
  /** A name that nobody quotes right by accident. */
  let folder = ''
  beforeAll(async () => {
    cluster = await startSlurm()
    base = await mkdtemp(join(tmpdir(), 'qt-submit-'))
    folder = join(base, `a "game's" $HOME 100% ;x`)
    await mkdir(folder)
    const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 32 }, (_, j) => 3 + ((i * 7 + j * 5) % 256)) })
    await writeFile(join(folder, 'rows.jsonl'), Array.from({ length: 8 }, (_, i) => row(i)).join('\n'))
  })
  afterAll(async () => {
    await cluster.stop()
    await rm(base, { recursive: true, force: true })
  })

  const here = () => ({ cwd: folder, env: cluster.env })
  async function configure(name: string, steps: number, more = ''): Promise<string[]> {
    const file = join(folder, `${name}.yaml`)
    await writeFile(
      file,
      `base: ${fixture('tiny.gguf')}\ndata: { path: rows.jsonl, format: tokens }\nadapter: { kind: lora, rank: 4 }\n` +
        `training: { steps: ${steps}, batchSize: 2, sequenceLength: 32, precision: float32, saveEvery: 100000 }\n` +
        `threads: 1\noutput: runs/${name}\n${more}`,
    )
    return ['--config', file]
  }
  const submit = async (name: string, steps: number, ...flags: string[]) =>
    qt(['submit', 'slurm', ...(await configure(name, steps)), ...flags], '', here())
  const json = async (...args: string[]) => JSON.parse((await qt([...args, '--json'], '', here())).stdout)
  const stepsOf = async (name: string) =>
    (await readFile(join(folder, 'runs', name, 'events.jsonl'), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => parseEvent(line)?.type === 'step').length
  /** By what it says itself: it may have ended again before anybody counts its steps. */
  const resumedAfter = (said: string) => Number(/rank 0 {2}Resuming after step (\d+)\./.exec(said)?.[1] ?? Number.NaN)
  const knows = (mpi: string) =>
    spawnSync('srun', [`--mpi=${mpi}`, 'true'], { env: { ...process.env, ...cluster.env } }).status === 0
  const until = async (what: string, holds: () => Promise<boolean>) => {
    for (const end = Date.now() + 120_000; !(await holds()); await pause(200))
      if (Date.now() > end) throw new Error(`Waited two minutes until ${what}.`)
  }

  test('trains to the end, and says where the job, the run and the log of its processes are', async () => {
    const { code, stdout, stderr } = await submit(
      'plain',
      12,
      '--mem',
      '400M',
      '--time',
      '10',
      '--cpus-per-task',
      '1',
      '--follow',
    )
    expect([code, stderr]).toEqual([0, expect.stringContaining('COMPLETED')])
    expect(stdout).toMatch(/^Job \d+ is submitted\.$/m)
    expect(stdout).toMatch(/^rank 0 {2}Trained 12 steps/m)
    const status = await json('submit', 'status', 'runs/plain')
    expect(status).toMatchObject({ phase: 'succeeded', exitCode: 0, training: { status: 'completed', step: 12 } })
    const { lines } = await json('submit', 'log', 'runs/plain')
    const said: string[] = lines.map(({ source, text }: { source: string; text: string }) => `${source}: ${text}`)
    expect(said.at(0)).toMatch(/^job: job \d+ began on \S+, start 1$/)
    expect(said.at(-1)).toBe('job: training ended with 0')
    expect(said.filter((line) => line.startsWith('rank 0: ')).length).toBeGreaterThan(2)
    const times: string[] = lines.map(({ time }: { time: string }) => time)
    expect(times).toEqual([...times].sort())
    expect((await qt(['submit', 'status', 'runs/plain'], '', here())).stdout).toMatch(
      /^state +COMPLETED after .*\n.*\ntraining +completed$/m,
    )
  })

  describe('a training that is stopped', () => {
    const steps = 15_000
    const adapter = (name: string) => readFile(join(folder, 'runs', name, 'adapter', 'adapter_model.safetensors'))
    beforeAll(async () => {
      expect((await qt(['train', ...(await configure('whole', steps))], '', here())).code).toBe(0)
    })

    test.each([
      // What Slurm does before the limit: --signal=B:USR1.
      ['its time is up', 'limit', ['scancel', '--batch', '--signal=USR1']],
      // What it does when a job of more importance needs the machine.
      ['it is preempted', 'preempted', ['scontrol', 'requeue']],
    ])(
      'saves when %s, is queued again, and ends with the bytes of one that was never stopped',
      async (_when, name, [program = '', ...args]) => {
        const { job } = JSON.parse((await submit(name, steps, '--json')).stdout)
        await until('ten steps are done', async () => (await stepsOf(name)) >= 10)
        slurm(cluster.env, program, ...args, job)
        await until('it is queued again', async () => (await json('submit', 'status', `runs/${name}`)).restarts === 1)
        const { code, stdout } = await qt(['submit', 'status', `runs/${name}`, '--follow'], '', here())
        expect(code).toBe(0)
        expect(resumedAfter(stdout)).toBeLessThan(steps)
        expect(stdout).toMatch(/job {2}job \d+ began on \S+, start 2/)
        expect((await adapter(name)).equals(await adapter('whole'))).toBe(true)
        expect(await json('submit', 'status', `runs/${name}`)).toMatchObject({
          phase: 'succeeded',
          restarts: 1,
          training: { step: steps },
        })
      },
    )
  })

  test('Slurm itself tells the job before its limit', async () => {
    const script = join(base, 'slow.sh')
    const saved = 'runs/slow/checkpoints/step-1'
    await writeFile(script, `[ -e ${saved} ] && exit 0\ntrap 'mkdir -p ${saved}; exit 130' TERM\nwhile :; do sleep 0.1; done\n`)
    const { code, stdout } = await submit('slow', 5, '--time', '1', '--grace', '50', '--command', `bash ${script}`, '--follow')
    expect([code, stdout]).toEqual([0, expect.stringContaining('the time is up: the job is queued again')])
    expect(await json('submit', 'status', 'runs/slow')).toMatchObject({ phase: 'succeeded', restarts: 1 })
  })

  test('a cancelled training has saved, is not queued again, and goes on when it is submitted with --resume', async () => {
    expect((await submit('cancelled', 100_000)).code).toBe(0)
    await until('ten steps are done', async () => (await stepsOf('cancelled')) >= 10)
    const again = await submit('cancelled', 100_000, '--resume')
    expect([again.code, again.stderr]).toEqual([2, expect.stringMatching(/Job \d+ of this run is RUNNING/)])
    expect((await qt(['submit', 'cancel', 'runs/cancelled'], '', here())).stdout).toBe('The job is cancelled.\n')
    await until('it is saved', async () => (await json('submit', 'status', 'runs/cancelled')).training.status === 'paused')
    expect(await json('submit', 'status', 'runs/cancelled')).toMatchObject({ phase: 'cancelled', restarts: 0 })
    expect((await qt(['submit', 'cancel', 'runs/cancelled'], '', here())).stdout).toMatch(/^The job has ended already: CANCELLED/)

    const fresh = await submit('cancelled', 100_000)
    expect([fresh.code, fresh.stderr]).toEqual([2, expect.stringContaining('There is a run in runs/cancelled already')])
    const before = await stepsOf('cancelled')
    expect((await submit('cancelled', 100_000, '--resume')).code).toBe(0)
    await until('it goes on', async () => (await stepsOf('cancelled')) > before)
    await qt(['submit', 'cancel', 'runs/cancelled'], '', here())
  })

  test('a training that fails ends the job, and the log says why', async () => {
    const config = await configure('failing', 5)
    const { code, stderr } = await qt(['submit', 'slurm', ...config, '--data', 'nowhere.jsonl', '--wait'], '', here())
    expect([code, stderr]).toEqual([1, expect.stringMatching(/The job ended: FAILED .*exit code 2/)])
    expect((await qt(['submit', 'log', 'runs/failing'], '', here())).stdout).toMatch(/ rank 0 {2}error: .*nowhere\.jsonl/)
  })

  test.for(['none', 'pmix'])('several processes know their places (--mpi %s), and their logs are one', async (mpi, { skip }) => {
    skip(!knows(mpi), `this Slurm has no ${mpi} (Debian: libpmix-dev)`)
    const script = join(folder, 'places.sh')
    // Rank 1 begins later and says something that has no time of its own.
    await writeFile(
      script,
      '[ "$SLURM_PROCID" = 1 ] && sleep 1\n' +
        'echo "$(date -u +%FT%T.%3NZ)  rank $RANK of $WORLD_SIZE, local $LOCAL_RANK, pmix $PMIX_RANK, at $MASTER_ADDR $((MASTER_PORT > 1024))"\n' +
        'if [ "$SLURM_PROCID" = 1 ]; then echo "native words of $*"; fi\n',
    )
    const name = `places-${mpi}`
    const stand = ['--command', `bash '${script.replaceAll("'", "'\\''")}'`]
    const { code } = await submit(name, 5, '--tasks-per-node', '2', '--mpi', mpi, '--wait', ...stand)
    expect(code).toBe(0)
    const { lines } = await json('submit', 'log', `runs/${name}`)
    const ranks = lines.filter(({ source }: { source: string }) => source !== 'job')
    const place = (rank: number) => ({
      source: `rank ${rank}`,
      text: expect.stringMatching(
        mpi === 'pmix' ? `^rank  of , local , pmix ${rank}, at  0$` : `^rank ${rank} of 2, local ${rank}, pmix , at \\S+ 1$`,
      ),
    })
    const native = { source: 'rank 1', text: expect.stringMatching(/^native words of train --config .*config\.yaml$/) }
    expect(ranks).toMatchObject([place(0), place(1), native])
    expect(ranks[2].time).toBe(ranks[1].time)
  })

  test.for(['none', 'pmix'])(
    'two processes (--mpi %s) save when they are preempted, are queued again, and end with the bytes of one',
    async (mpi, { skip }) => {
      skip(!knows(mpi), `this Slurm has no ${mpi} (Debian: libpmix-dev)`)
      const steps = 3000
      const strict = ['--deterministic', 'strict', '--save-every', '500']
      const alone = `alone-${mpi}`
      const whole = await qt(['train', ...(await configure(alone, steps)), ...strict, '--grad-accumulation', '2'], '', here())
      expect(whole.code, whole.stderr).toBe(0)
      const name = `two-${mpi}`
      const { code, stdout } = await submit(
        name,
        steps,
        ...strict,
        '--tasks-per-node',
        '2',
        '--cpus-per-task',
        '1',
        '--mpi',
        mpi,
        '--json',
      )
      expect(code).toBe(0)
      await until('ten steps are done', async () => (await stepsOf(name)) >= 10)
      slurm(cluster.env, 'scontrol', 'requeue', JSON.parse(stdout).job)
      await until('it is queued again', async () => (await json('submit', 'status', `runs/${name}`)).restarts === 1)
      const followed = await qt(['submit', 'status', `runs/${name}`, '--follow'], '', here())
      expect(followed.code).toBe(0)
      expect(resumedAfter(followed.stdout)).toBeLessThan(steps)
      const made = (run: string) => readFile(join(folder, 'runs', run, 'adapter', 'adapter_model.safetensors'), 'base64')
      expect(await made(name)).toBe(await made(alone))
      // Each wrote its own part of the last checkpoint.
      const [newest] = (await readdir(join(folder, 'runs', name, 'checkpoints'))).sort().reverse()
      expect(await readdir(join(folder, 'runs', name, 'checkpoints', newest!))).toContain('optimizer-00002-of-00002.safetensors')
    },
  )

  test('a job whose time passes without a step is not queued for ever', async () => {
    const script = join(base, 'stuck.sh')
    await writeFile(script, "trap 'exit 130' TERM\necho stuck\nwhile :; do sleep 0.1; done\n")
    expect((await submit('stuck', 5, '--command', `bash ${script}`)).code).toBe(0)
    await until('it runs', async () => existsSync(join(folder, 'runs/stuck/logs/rank-0.log')))
    await pause(1000)
    const { submission } = await json('submit', 'status', 'runs/stuck')
    slurm(cluster.env, 'scancel', '--batch', '--signal=USR1', submission.job)
    await until('it has ended', async () => (await json('submit', 'status', 'runs/stuck')).phase === 'failed')
    expect((await qt(['submit', 'log', 'runs/stuck'], '', here())).stdout).toContain('no step was done within the time limit')
  })

  test('Ctrl-C leaves the job alone', async () => {
    const config = await configure('left', 100_000)
    const { child, ended, stderr } = start(['submit', 'slurm', ...config, '--follow'], here())
    await until('it runs', async () => stderr().includes('RUNNING'))
    child.kill('SIGINT')
    const left = await ended
    expect([left.code, left.stderr]).toEqual([130, expect.stringContaining('The job goes on without you')])
    expect((await json('submit', 'status', 'runs/left')).phase).toBe('running')
    await qt(['submit', 'cancel', 'runs/left'], '', here())
  })

  test('what the cluster would refuse is said before anything is submitted', async () => {
    const unknown = await submit('wrong', 5, '--partition', 'btach')
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('Did you mean "batch"?')])
    const time = await submit('wrong', 5, '--time', 'tomorrow')
    expect([time.code, time.stderr]).toEqual([2, expect.stringContaining('A time limit cannot be "tomorrow"')])
    // The tests' folder is in /tmp, and the machine of this partition is another one.
    const far = await submit('wrong', 5, '--partition', 'far')
    expect([far.code, far.stderr]).toEqual([
      2,
      expect.stringMatching(/cannot see the run's folder .*: \/tmp is every machine's own/),
    ])
    expect(existsSync(join(folder, 'runs/wrong'))).toBe(false)
    // What only sbatch knows is told in its words.
    const gpus = await submit('wrong', 5, '--gpus-per-node', '2')
    expect([gpus.code, gpus.stderr]).toEqual([1, expect.stringContaining('Invalid generic resource (gres) specification')])
    expect(await readdir(join(folder, 'runs/wrong/submit'))).not.toContain('job.json')
  })
})
