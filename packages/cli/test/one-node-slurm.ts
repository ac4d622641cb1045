import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port.js'

const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol', 'sinfo', 'scancel'] as const

/** Its daemons lie where only root's PATH looks. */
const environment = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` }

/** The programs of Slurm that are not installed here. */
export const missingPrograms = (): string[] =>
  programs.filter((program) => spawnSync('which', [program], { env: environment }).status !== 0)

/** A cluster of this machine alone, with its own controller, node and munge, all in a folder that goes with it. */
export async function startSlurm(): Promise<{ env: { SLURM_CONF: string }; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'qt-slurm-'))
  const at = (name: string) => join(folder, name)
  const machine = hostname().split('.')[0] ?? 'localhost'
  const { username } = userInfo()
  for (const name of ['state', 'spool', 'munge']) await mkdir(at(name), { mode: 0o700 })
  await writeFile(at('munge/key'), randomBytes(128), { mode: 0o400 })
  const socket = at('munge/socket')
  const [controller, node] = [await freePort(), await freePort()]
  await writeFile(
    at('slurm.conf'),
    `ClusterName=qt
SlurmctldHost=${machine}(127.0.0.1)
SlurmctldPort=${controller}
SlurmdPort=${node}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=${socket},cred_expire=5
SlurmUser=${username}
SlurmdUser=${username}
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
SlurmctldLogFile=${at('slurmctld.log')}
SlurmdLogFile=${at('slurmd.log')}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=10
NodeName=${machine} NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
NodeName=elsewhere NodeAddr=127.0.0.1 NodeHostname=elsewhere CPUs=1 State=DOWN
PartitionName=batch Nodes=${machine} Default=YES MaxTime=INFINITE State=UP
PartitionName=far Nodes=elsewhere MaxTime=INFINITE State=UP
`,
  )
  const env = { SLURM_CONF: at('slurm.conf') }
  // In the foreground, so that their ends are ours to see; they keep their messages in files.
  const munge = [
    '--key-file',
    at('munge/key'),
    '--socket',
    socket,
    '--pid-file',
    at('munge/pid'),
    '--seed-file',
    at('munge/seed'),
  ]
  const daemons = [start('munged', ['--foreground', '--force', ...munge, '--log-file', at('munge/log')], env)]
  const stop = async () => {
    for (const daemon of daemons.reverse()) {
      daemon.kill('SIGTERM')
      if (daemon.exitCode === null && daemon.signalCode === null) await new Promise((resolve) => daemon.once('close', resolve))
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await until('munged listens', () => existsSync(socket))
    daemons.push(start('slurmctld', ['-D'], env), start('slurmd', ['-D', '-N', machine], env))
    const idle = () =>
      spawnSync('sinfo', ['--noheader', '--partition=batch', '--format=%T'], { env: { ...process.env, ...env } })
        .stdout.toString()
        .trim()
    await until('the node is idle', () => idle() === 'idle')
    return { env, stop }
  } catch (cause) {
    const logs = await Promise.all(
      ['slurmctld.log', 'slurmd.log', 'munge/log'].map((name) => readFile(at(name), 'utf8').catch(() => '')),
    )
    await stop()
    throw new Error(`Slurm did not start:\n${logs.join('\n')}`, { cause })
  }
}

const start = (program: string, args: readonly string[], env: Record<string, string>) =>
  spawn(program, [...args], { env: { ...environment, ...env }, stdio: 'ignore' })

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = Date.now() + 60_000
  while (!holds()) {
    if (Date.now() > end) throw new Error(`Waited a minute until ${what}.`)
    await pause(100)
  }
}

/** Runs a program of Slurm. */
export const slurm = (env: Record<string, string>, program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { env: { ...process.env, ...env }, encoding: 'utf8' })
