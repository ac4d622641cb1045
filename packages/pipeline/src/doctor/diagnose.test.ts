import { expect, test } from 'vitest'
import { diagnose } from './diagnose.js'
import type { GpuPart, HardwareProfile } from './profile.js'

const works = { state: 'works', kernels: ['avx2', 'baseline'], threads: 16 } as const
const withGpu = (gpus: GpuPart) => ({ engine: { ...works, gpus } })
const card = { name: 'H100', memory: 80e9, free: 79e9 }
const device = { ...card, capability: '9.0' }
const libraries = [
  { name: 'cuBLASLt', version: 'cuBLASLt 13.0.2' },
  { name: 'NCCL', version: 'NCCL 2.27.3' },
]
const usable: GpuPart = { state: 'usable', devices: [device], libraries }
const withoutLibraries = libraries.map(({ name }) => ({ name, why: 'no such file' }))
/** A machine on which there is nothing to say. */
const good: HardwareProfile = {
  system: { platform: 'linux', architecture: 'x64', release: '6.1.0', libc: 'glibc 2.36' },
  processor: { model: 'EPYC', logical: 16, allowed: 16, features: ['avx', 'avx2', 'fma'] },
  memory: { total: 67e9, free: 60e9 },
  disk: { path: '/home/me', total: 500e9, free: 200e9 },
  gpus: [card],
  driver: { version: '550.54', cuda: '12.4' },
  node: '20.19.0',
  npm: '10.8.2',
  tools: { cmake: 'cmake version 3.25.1', compiler: 'g++ 12.2.0' },
  ...withGpu(usable),
  quantizer: works,
}
const notFine = (changes: Partial<HardwareProfile>) =>
  diagnose({ ...good, ...changes })
    .filter(({ status }) => status !== 'fine')
    .map(({ check, status }) => `${check} ${status}`)
const about = (check: string, changes: Partial<HardwareProfile>) =>
  diagnose({ ...good, ...changes }).find((one) => one.check === check)!

test('a machine with everything is fine throughout', () => {
  expect(diagnose(good).every(({ status }) => status === 'fine')).toBe(true)
})

test.each<[string, Partial<HardwareProfile>, string[]]>([
  ['an old Node', { node: '20.18.3' }, ['node missing']],
  ['a very old Node', { node: '18.20.0' }, ['node missing']],
  ['no npm', { npm: undefined }, ['npm advice']],
  ['no engine', { engine: { state: 'absent' } }, ['engine missing']],
  ['an engine that does not load', { engine: { state: 'broken', why: 'SIGILL.' } }, ['engine missing']],
  ['kernels that failed their self-test', { engine: { ...works, kernels: ['baseline'] } }, ['engine advice']],
  ['no quantiser', { quantizer: { state: 'absent' } }, ['quantiser advice']],
  [
    'a quantiser to be built without a compiler',
    { quantizer: { state: 'broken', why: 'No file.' }, tools: { cmake: 'cmake version 3.25.1' } },
    ['quantiser advice', 'tools advice'],
  ],
  ['no compiler when nothing has to be built', { tools: {} }, []],
  ['a processor without AVX2', { processor: { ...good.processor, features: ['avx'] } }, ['processor advice']],
  ['one processor of sixteen', { processor: { ...good.processor, allowed: 1 } }, ['processor advice']],
  ['a cgroup of half a processor', { processor: { ...good.processor, quota: 0.5 } }, ['processor advice']],
  ['16 GB of memory', { memory: { total: 16.5e9, free: 12e9 } }, ['memory advice']],
  ['a cgroup of 1 GB', { memory: { total: 67e9, free: 1e9, limit: 1e9 } }, ['memory missing']],
  ['memory that others hold', { memory: { total: 67e9, free: 3e9 } }, ['memory advice']],
  ['a disk with 20 GB', { disk: { path: '/', total: 50e9, free: 20e9 } }, ['disk advice']],
  ['a full disk', { disk: { path: '/', total: 50e9, free: 0.5e9 } }, ['disk missing']],
  ['no GPU', { gpus: [], driver: undefined, ...withGpu({ state: 'unusable', why: 'none' }) }, ['gpu advice']],
  ['a GPU with 8 GB', { gpus: [{ name: 'RTX', memory: 8.6e9, free: 8e9 }] }, ['gpu advice']],
  ['a GPU without its part of the engine', withGpu({ state: 'absent', install: 'npm install it' }), ['gpu advice']],
  ['a GPU whose driver is too old', withGpu({ state: 'unusable', why: 'old' }), ['gpu advice']],
  ['a GPU that is too old', withGpu({ ...usable, devices: [{ ...device, capability: '7.5' }] }), ['gpu advice']],
  ['a GPU without cuBLASLt', withGpu({ ...usable, libraries: withoutLibraries }), ['gpu advice']],
  ['one GPU without NCCL', withGpu({ ...usable, libraries: [libraries[0]!, withoutLibraries[1]!] }), []],
  ['two GPUs without NCCL', withGpu({ ...usable, devices: [device, device], libraries: [withoutLibraries[1]!] }), ['gpu advice']],
  ['a GPU that only the engine sees', { gpus: [], driver: undefined }, []],
  ['macOS', { system: { platform: 'darwin', architecture: 'arm64', release: '24.0' } }, ['system advice']],
  ['Windows', { system: { platform: 'win32', architecture: 'x64', release: '10' } }, ['system advice']],
])('%s', (_, changes, expected) => {
  expect(notFine(changes)).toEqual(expected)
})

test('whatever is not fine says why it matters and what to do', () => {
  const worst: Partial<HardwareProfile> = {
    ...{ node: '18.0.0', npm: undefined, disk: undefined, gpus: [], tools: {} },
    engine: { state: 'broken', why: 'It is not there.' },
    quantizer: { state: 'broken', why: 'It is not there.' },
    memory: { total: 8e9, free: 1e9 },
    system: { platform: 'linux', architecture: 'x64', release: '6', libc: 'not glibc' },
  }
  for (const { status, why, actions } of diagnose({ ...good, ...worst }))
    if (status !== 'fine') expect([typeof why, actions.length > 0]).toEqual(['string', true])
})

test('names the command that repairs the engine, for this platform', () => {
  const { why, actions } = about('engine', {
    engine: { state: 'broken', why: 'It used an instruction that is not there (SIGILL).' },
  })
  expect(why).toContain('SIGILL')
  expect(actions.map(({ command }) => command)).toEqual(['npm install @qt/trainer-native-linux-x64', 'npm ci && npm run build'])
})

test('says what runs in less memory than recommended', () => {
  expect(about('memory', { memory: { total: 16.5e9, free: 12e9 } }).why).toMatch(
    /32 GB or more.*about 6 billion.*about 410 million/,
  )
  expect(about('memory', { memory: { total: 67e9, free: 8e9, limit: 8e9 } }).found).toContain('cgroup allows 8.0 GB')
})

test('says what was never run', () => {
  expect(about('system', { system: { platform: 'darwin', architecture: 'arm64', release: '24.0' } }).why).toContain(
    'never run on macOS',
  )
})

test('what to install for a GPU is a command', () => {
  const { actions, why } = about('gpu', withGpu({ state: 'absent', install: 'npm install it' }))
  expect(actions).toMatchObject([{ command: 'npm install it' }])
  expect(why).toContain('processor')
  expect(about('gpu', withGpu({ state: 'unusable', why: 'the driver is too old' })).why).toContain('the driver is too old')
  // Where nothing else sees a GPU either: in a container without NVIDIA's tools, or with a library that is not what it is called.
  const unseen = { gpus: [], driver: undefined, ...withGpu({ state: 'unusable', why: 'QT_CUDA_LIBRARY names nothing' }) }
  expect(about('gpu', unseen).why).toContain('QT_CUDA_LIBRARY names nothing')
})

test('says of a GPU what was found, and what is missing of what it could use', () => {
  expect(about('gpu', {}).found).toBe(
    'H100, 80 GB (79 GB free); driver 550.54, CUDA up to 12.4; compute capability 9.0; cuBLASLt 13.0.2; NCCL 2.27.3',
  )
  const { found, why, actions } = about('gpu', withGpu({ ...usable, libraries: withoutLibraries }))
  expect(found).toContain('no cuBLASLt; no NCCL')
  expect(why).toBe('Large products are computed by our own kernels, without cuBLASLt: no such file.')
  expect(actions).toMatchObject([{ command: 'pip install nvidia-cublas' }])
})
