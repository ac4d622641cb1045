import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startKubernetes } from './kubernetes-server.js'
import { qt, start } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
let flags: string[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-k8s-'))
  await writeFile(join(folder, 'train.yaml'), 'base: owner/model\ndata: { path: rows.jsonl }\noutput: runs/first\n')
  flags = ['--config', 'train.yaml', '--image', 'registry.example/qt:1', '--claim', 'training:/data', '--namespace', 'lab']
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('prints what kubectl reads, or writes it to a file; flags of qt train override the configuration', async () => {
  const printed = await qt(['submit', 'k8s', ...flags, '--learning-rate', '1e-3'], '', { cwd: folder })
  expect(printed.code).toBe(0)
  expect(printed.stdout).toMatch(/^ {2}train\.yaml: \|\n[\s\S]*^ {6}learningRate: 0\.001$/m)
  const written = await qt(['submit', 'k8s', ...flags, '--learning-rate', '1e-3', '--out', 'job.yaml', '--json'], '', {
    cwd: folder,
  })
  expect(await readFile(join(folder, 'job.yaml'), 'utf8')).toBe(printed.stdout)
  expect(JSON.parse(written.stdout).manifests.map(({ kind }: { kind: string }) => kind)).toEqual(['ConfigMap', 'Job'])
})

test('says what is missing before anything is made', async () => {
  const run = (...more: string[]) => qt(['submit', 'k8s', '--config', 'train.yaml', ...more], '', { cwd: folder })
  expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining('needs --image') })
  expect(await run('--image', 'qt:1')).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere to stay') })
  const elsewhere = await qt(['submit', 'runpod', '--config', 'train.yaml'], '', { cwd: folder })
  expect(elsewhere).toMatchObject({ code: 2, stderr: expect.stringContaining('one of: slurm, k8s') })
})

test('without kubectl it says so, and what to do instead', async () => {
  const { code, stderr } = await qt(['submit', 'k8s', ...flags, '--apply'], '', { cwd: folder, env: { PATH: '/nowhere' } })
  expect([code, stderr]).toEqual([1, expect.stringMatching(/kubectl is not installed[\s\S]*--out/)])
})

const kubectl = spawnSync('kubectl', ['version', '--client']).status === 0
if (!kubectl) console.log('qt submit k8s --apply is not tested: kubectl is not installed.')

describe.skipIf(!kubectl)('with kubectl and a server that plays the API of Kubernetes', () => {
  let cluster: Awaited<ReturnType<typeof startKubernetes>>
  let here: { cwd: string; env: Record<string, string> }
  beforeAll(async () => {
    cluster = await startKubernetes()
    await writeFile(join(folder, 'kubeconfig'), cluster.config)
    here = { cwd: folder, env: { KUBECONFIG: join(folder, 'kubeconfig'), HOME: folder } }
  })
  afterAll(() => cluster.close())
  const json = async (...args: string[]) => JSON.parse((await qt([...args, '--json'], '', here)).stdout)

  test('applies a Job, follows its state, merges the logs of its pods, and takes everything away', async () => {
    const { code, stdout, stderr } = await qt(['submit', 'k8s', ...flags, '--nodes', '2', '--apply'], '', here)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^lab\/qt-first is applied\.$/m)
    expect(cluster.all()).toEqual(
      ['configmaps/qt-first-config', 'jobs/qt-first', 'networkpolicies/qt-first', 'services/qt-first'].map((one) => `lab/${one}`),
    )
    expect(await json('submit', 'status', 'runs/first')).toMatchObject({ phase: 'waiting', training: null })

    cluster.setStatus('lab', 'jobs', 'qt-first', { active: 2, failed: 1 })
    expect(await json('submit', 'status', 'runs/first')).toMatchObject({ phase: 'running', restarts: 1 })
    expect((await qt(['submit', 'status', 'runs/first'], '', here)).stdout).toMatch(
      /^training +is on its claim; see qt submit log$/m,
    )
    const labels = { 'batch.kubernetes.io/job-name': 'qt-first' }
    cluster.addPod('lab', 'qt-first-0-abcde', labels, '2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:03.25Z three\n')
    cluster.addPod('lab', 'qt-first-1-fghij', labels, '2026-01-01T00:00:02.123456789Z two\n')
    const { lines } = await json('submit', 'log', 'runs/first')
    expect(lines.map(({ source, text }: { source: string; text: string }) => `${source}: ${text}`)).toEqual([
      'rank 0: one',
      'rank 1: two',
      'rank 0: three',
    ])

    const failed = {
      type: 'Failed',
      status: 'True',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the backoff limit',
    }
    cluster.setStatus('lab', 'jobs', 'qt-first', { conditions: [failed] })
    const followed = await qt(['submit', 'status', 'runs/first', '--follow'], '', here)
    expect([followed.code, followed.stderr]).toEqual([
      1,
      expect.stringContaining('The job ended: FAILED (Job has reached the backoff limit)'),
    ])
    cluster.setStatus('lab', 'jobs', 'qt-first', { active: 1 })
    expect((await qt(['submit', 'cancel', 'runs/first'], '', here)).code).toBe(0)
    expect(cluster.all().filter((one) => !one.includes('/pods/'))).toEqual([])
    expect((await qt(['submit', 'status', 'runs/first'], '', here)).stdout).toMatch(/^state +GONE/m)
  })

  test('applies a JobSet, and follows it to its end', async () => {
    const set = [...flags, '--jobset', '--name', 'set', '--output', 'runs/set']
    expect((await qt(['submit', 'k8s', ...set, '--apply'], '', here)).code).toBe(0)
    expect(cluster.get('lab', 'jobsets', 'set')).toMatchObject({ apiVersion: 'jobset.x-k8s.io/v1alpha2' })
    cluster.setStatus('lab', 'jobsets', 'set', { restarts: 2, replicatedJobsStatus: [{ name: 'ranks', active: 1 }] })
    expect(await json('submit', 'status', 'runs/set')).toMatchObject({ phase: 'running', restarts: 2 })
    const labels = { 'jobset.sigs.k8s.io/jobset-name': 'set' }
    cluster.addPod('lab', 'set-ranks-0-0-abcde', labels, '2026-01-01T00:00:01Z one\n')
    const following = start(['submit', 'status', 'runs/set', '--follow'], here)
    let printed = ''
    following.child.stdout.on('data', (text: string) => {
      printed += text
    })
    await vi.waitFor(() => expect(printed).toContain('rank 0  one'), { timeout: 20_000 })
    // What is there already is told again by Kubernetes, and said once.
    cluster.addPod('lab', 'set-ranks-0-0-abcde', labels, '2026-01-01T00:00:01Z one\n2026-01-01T00:00:01.5Z two\n')
    cluster.setStatus('lab', 'jobsets', 'set', { conditions: [{ type: 'Completed', status: 'True' }] })
    expect((await following.ended).code).toBe(0)
    expect(printed.split('\n').filter((line) => line.startsWith('rank'))).toEqual(['rank 0  one', 'rank 0  two'])
  })

  test('a job that is not over is left alone, and one that is over makes room for the next', async () => {
    const again = ['submit', 'k8s', ...flags, '--name', 'again', '--output', 'runs/again', '--apply']
    expect((await qt(again, '', here)).code).toBe(0)
    cluster.setStatus('lab', 'jobs', 'again', { active: 1 })
    const changed = await qt([...again, '--gpus', '1'], '', here)
    expect([changed.code, changed.stderr]).toEqual([
      2,
      expect.stringMatching(/Job lab\/again is ACTIVE\.[\s\S]*qt submit cancel runs\/again[\s\S]*--name/),
    ])
    expect(await readFile(join(folder, 'runs/again/submit/job.yaml'), 'utf8')).not.toContain('nvidia.com/gpu')
    cluster.setStatus('lab', 'jobs', 'again', { conditions: [{ type: 'Complete', status: 'True' }] })
    expect((await qt(again, '', here)).code).toBe(0)
    expect(cluster.get('lab', 'jobs', 'again')).not.toHaveProperty('status')
  })

  test('what cannot be remembered here is not applied there', async () => {
    await writeFile(join(folder, 'file'), '')
    const submit = ['submit', 'k8s', ...flags, '--name', 'lost', '--output', 'file/lost', '--apply']
    expect((await qt(submit, '', here)).code).not.toBe(0)
    expect(cluster.get('lab', 'jobs', 'lost')).toBeUndefined()
  })

  test('a log that the cluster refuses is an error, and one that has not begun is empty', async () => {
    const submit = ['submit', 'k8s', ...flags, '--name', 'silent', '--output', 'runs/silent', '--apply']
    expect((await qt(submit, '', here)).code).toBe(0)
    expect(await json('submit', 'log', 'runs/silent')).toEqual({ lines: [] })
    const env = { ...here.env, KUBECONFIG: join(folder, 'nowhere') }
    const { code, stderr } = await qt(['submit', 'log', 'runs/silent'], '', { ...here, env })
    expect([code, stderr]).toEqual([1, expect.stringContaining('kubectl refused: ')])
  })

  test('what the cluster refuses is told in its words', async () => {
    const env = { ...here.env, KUBECONFIG: join(folder, 'nowhere') }
    const { code, stderr } = await qt(['submit', 'k8s', ...flags, '--output', 'runs/other', '--apply'], '', { ...here, env })
    expect([code, stderr]).toEqual([1, expect.stringContaining('kubectl refused: ')])
  })
})
