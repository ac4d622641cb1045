import { spawnSync } from 'node:child_process'
import { parseConfig } from '@qt/core'
import { expect, test } from 'vitest'
import { slurmScript } from './slurm-script.js'

const config = (output = 'runs/first') => parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, output })
const directives = (script: string) => script.split('\n').filter((line) => line.startsWith('#SBATCH '))

test('asks for what was asked, and for nothing else', () => {
  const asked = { nodes: 2, tasksPerNode: 4, gpusPerNode: 'h100:4', cpusPerTask: 8, memory: '32GB', time: '12:00:00' }
  expect(directives(slurmScript(config('/w/runs/first'), { ...asked, partition: 'gpu', account: 'lab' }))).toEqual([
    '#SBATCH --job-name=qt-first',
    '#SBATCH --partition=gpu',
    '#SBATCH --account=lab',
    '#SBATCH --nodes=2',
    '#SBATCH --ntasks-per-node=4',
    '#SBATCH --cpus-per-task=8',
    '#SBATCH --gpus-per-node=h100:4',
    '#SBATCH --mem=32G',
    '#SBATCH --time=12:00:00',
    '#SBATCH --signal=B:USR1@120',
    '#SBATCH --open-mode=append',
    '#SBATCH --output="/w/runs/first/logs/job.log"',
    '#SBATCH --requeue',
  ])
  const plain = directives(slurmScript(config()))
  expect(plain.filter((line) => /mem|time|gpus|partition|account|cpus/.test(line))).toEqual([])
})

test('several processes start through MPI, one alone needs none', () => {
  expect(slurmScript(config(), { tasksPerNode: 2 })).toContain('srun --mpi=pmix ')
  expect(slurmScript(config())).toContain('srun --mpi=none ')
  const variables = slurmScript(config(), { nodes: 2, mpi: 'none' })
  expect(variables).toContain('srun --mpi=none ')
  for (const name of ['RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT']) {
    expect(variables).toMatch(new RegExp(`\\b${name}=`))
    // Two ways at once would leave open which one holds.
    expect(slurmScript(config(), { nodes: 2 })).not.toMatch(new RegExp(`\\b${name}=`))
  }
})

test('several processes share a word that nobody else knows, and that is not in the script', () => {
  const script = slurmScript(config(), { nodes: 2 })
  const lines = script.split('\n').filter((line) => line.includes('QT_JOB_TOKEN'))
  const token = () => spawnSync('bash', ['-c', `${lines.join('\n')}; printenv QT_JOB_TOKEN`], { encoding: 'utf8' }).stdout
  expect(token()).toMatch(/^[0-9a-f]{32}\n$/)
  expect(token()).not.toBe(token())
  expect(slurmScript(config())).not.toContain('QT_JOB_TOKEN')
})

test('lines of --setup may use what is not set, and names of the script', () => {
  const script = slurmScript(config('/w/first'), { folder: '/', setup: ['run=other config=$NOT_SET_ANYWHERE'] })
  const until = script.slice(0, script.indexOf('# Every line'))
  expect(spawnSync('bash', ['-c', `${until}\nprintf '%s %s' "$run" "$config"`], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stdout: '/w/first /w/first/submit/config.yaml',
  })
  expect(spawnSync('bash', ['-c', `${until}\n: $NOT_SET_ANYWHERE`]).status).not.toBe(0)
})

test('a short limit keeps a quarter for saving', () => {
  expect(slurmScript(config(), { time: '4' })).toContain('--signal=B:USR1@60')
  expect(() => slurmScript(config(), { time: '4', grace: 240 })).toThrow('Nothing is left of 4')
})

test('without requeueing the script ends with what the training ended with', () => {
  const script = slurmScript(config(), { requeue: false })
  expect(script).toContain('#SBATCH --no-requeue')
  expect(script).not.toContain('scontrol requeue')
})

test.each(['plain', "it's", 'a "b" $c `d`', '100% ; rm -rf x', '*?[a]', '-n', '~', 'ü'])(
  'bash reads the script of a run in %j',
  (name) => {
    const script = slurmScript(config(`/w/${name}`), { folder: `/w/${name}`, setup: ['module load node'] })
    expect(spawnSync('bash', ['-n'], { input: script })).toMatchObject({ status: 0 })
    const line = script.split('\n').find((one) => one.startsWith('run='))
    expect(spawnSync('bash', ['-c', `${line}; printf %s "$run"`], { encoding: 'utf8' }).stdout).toBe(`/w/${name}`)
  },
)

test.each([
  [{ partition: 'a b' }, 'partition'],
  [{ account: 'a\n#SBATCH --uid=0' }, 'account'],
  [{ name: '$(id)' }, 'name'],
  [{ mpi: 'pmix; id' }, 'mpi'],
  [{ mpi: 'pmi2' }, 'mpi'],
  [{ nodes: 0 }, 'nodes'],
  [{ tasksPerNode: 1.5 }, 'tasks-per-node'],
  [{ gpusPerNode: 'many' }, 'gpus-per-node'],
  [{ setup: ['a\nb'] }, 'setup'],
])('%j is refused', (options, field) => {
  expect(() => slurmScript(config(), options)).toThrow(expect.objectContaining({ code: 'SUBMIT_BAD_VALUE', where: { field } }))
})

test.each(['a\nb', 'a\\b'])('a folder called %j is refused, as Slurm cannot say it', (name) => {
  expect(() => slurmScript(config(`/w/${name}`))).toThrow('Slurm cannot write to')
})

test('nodes have whole groups of the processes that share blocks', () => {
  const groups = parseConfig({ base: 'model.gguf', data: { path: 'rows.jsonl' }, training: { tensorParallel: 2 } })
  expect(slurmScript(groups, { nodes: 2, tasksPerNode: 4 })).toContain('--ntasks-per-node=4')
  for (const tasksPerNode of [1, 3])
    expect(() => slurmScript(groups, { nodes: 2, tasksPerNode })).toThrow(/cannot be groups of 2/)
})
