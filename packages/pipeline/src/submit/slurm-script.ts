import { shellWord, type TrainingConfig } from '@qt/core'
import { type SlurmOptions, type SlurmSettings, slurmSettings } from './slurm-options.js'
import { badValue } from './submit-errors.js'
import { submitFiles } from './submit-files.js'

/**
 * The batch script of a training, for people to read and for `sbatch`: it starts one `qt train` for each task, saves before the
 * time limit, queues itself again and goes on where it was.
 *
 * @example
 * ```ts
 * const config = parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, output: 'runs/first' })
 * slurmScript(config, { time: '12:00:00' }).includes('#SBATCH --time=12:00:00') // true
 * ```
 */
export function slurmScript(config: TrainingConfig, options: SlurmOptions = {}): string {
  const settings = slurmSettings(config, options)
  const files = submitFiles(config.output)
  for (const path of [files.run, settings.folder]) requireNameable(path)
  const several = settings.nodes * settings.tasksPerNode > 1
  return `${[
    '#!/bin/bash',
    '# Written by qt submit slurm. It may be read, changed and submitted again: sbatch job.sh',
    ...directives(settings, files.logs),
    '',
    `cd -- ${shellWord(settings.folder)} || exit 1`,
    ...(settings.setup.length > 0 ? ['', ...settings.setup, ''] : []),
    // After the lines of others, which may use variables that are not set, and names as common as these.
    'set -u',
    `run=${shellWord(files.run)}`,
    `config=${shellWord(files.config)}`,
    '',
    ...(several && settings.mpi === 'none' ? meeting : []),
    ...(several
      ? ['# Nobody else may join.', 'QT_JOB_TOKEN=$(od -An -N16 -tx1 /dev/urandom | tr -d " \\n")', 'export QT_JOB_TOKEN', '']
      : []),
    '# Every line that qt prints carries its time, so that logs can be merged.',
    'export QT_LOG_TIMES=1 logs="$run/logs"',
    'mkdir -p "$logs"',
    'say() { echo "$(date -u +%FT%T.%3NZ)  $*"; }',
    '',
    `# ${settings.grace} s before the time limit Slurm signals this shell: the processes are told to save and stop.`,
    'signalled=no time_is_up=no',
    `trap 'signalled=yes time_is_up=yes; scancel --signal=TERM "$SLURM_JOB_ID"' USR1`,
    '# When the job is cancelled or preempted Slurm tells the processes itself; this shell waits for them.',
    "trap 'signalled=yes' TERM",
    '',
    '# A run that has begun goes on.',
    "resume=''",
    'if [ -e "$run/events.jsonl" ]; then resume=--resume; fi',
    'saved_before=$(ls "$run/checkpoints" 2>/dev/null)',
    '',
    `say "job $SLURM_JOB_ID began on $SLURM_JOB_NODELIST, start $((1 + \${SLURM_RESTART_COUNT:-0}))"`,
    `srun --mpi=${settings.mpi} --wait=60${settings.cpusPerTask === undefined ? '' : ` --cpus-per-task=${settings.cpusPerTask}`} bash -c '`,
    ...(several && settings.mpi === 'none' ? ['  export RANK="$SLURM_PROCID" LOCAL_RANK="$SLURM_LOCALID"'] : []),
    '  exec >>"$logs/rank-$SLURM_PROCID.log" 2>&1',
    `  exec "$@"' rank ${settings.command} train --config "$config" $resume </dev/null &`,
    'step=$!',
    '# A signal interrupts `wait`.',
    'while :; do',
    '  signalled=no',
    '  wait "$step"',
    '  status=$?',
    '  if [ "$signalled" = no ]; then break; fi',
    'done',
    `say "training ended with $status"`,
    ...(settings.requeue ? requeueing : []),
    'exit "$status"',
  ].join('\n')}\n`
}

/** Without MPI processes find each other by what torchrun sets. */
const meeting: readonly string[] = [
  '# How the processes find each other.',
  'MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
  'export MASTER_ADDR MASTER_PORT=$((15000 + SLURM_JOB_ID % 15000)) WORLD_SIZE="$SLURM_NTASKS" LOCAL_WORLD_SIZE="$SLURM_NTASKS_PER_NODE"',
  '',
]

const requeueing: readonly string[] = [
  '',
  '# 130: everything is saved. Queued again only if there is more than before, so that a limit that is too short ends.',
  'if [ "$time_is_up" = yes ] && [ "$status" = 130 ]; then',
  '  if [ "$(ls "$run/checkpoints" 2>/dev/null)" != "$saved_before" ]; then',
  '    say "the time is up: the job is queued again"',
  '    scontrol requeue "$SLURM_JOB_ID"',
  '    sleep 60',
  '  else',
  '    say "no step was done within the time limit: give the job more time"',
  '  fi',
  'fi',
]

function directives(settings: SlurmSettings, logs: string): string[] {
  const { nodes, tasksPerNode, gpusPerNode, cpusPerTask, memory, time, partition, account, name, requeue, grace } = settings
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ['job-name', name],
    ['partition', partition],
    ['account', account],
    ['nodes', nodes],
    ['ntasks-per-node', tasksPerNode],
    ['cpus-per-task', cpusPerTask],
    ['gpus-per-node', gpusPerNode],
    ['mem', memory],
    ['time', time],
    ['signal', `B:USR1@${grace}`],
    ['open-mode', 'append'],
    ['output', quoted(`${logs}/job.log`)],
  ]
  return [
    ...given.flatMap(([key, value]) => (value === undefined ? [] : [`#SBATCH --${key}=${value}`])),
    `#SBATCH --${requeue ? 'requeue' : 'no-requeue'}`,
  ]
}

/** A path in a directive: sbatch reads quotes as a shell does, and `%` as the beginning of a pattern. */
const quoted = (path: string): string => `"${path.replaceAll('%', '%%').replaceAll('"', '\\"')}"`

/** Slurm cannot say every path: a line ends a directive, and a backslash has a meaning of its own in names of logs. */
function requireNameable(path: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\\]/.test(path))
    throw badValue('output', `Slurm cannot write to ${JSON.stringify(path)}.`, 'Use a path without line breaks and backslashes.')
}
