import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cgroupLimits } from './cgroup.js'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'qt-cgroup-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

/** Lays out a /sys/fs/cgroup and a /proc/self/cgroup. */
async function limitsOf(self: string, files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries({ self, ...files })) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), text)
  }
  return cgroupLimits(root, join(root, 'self'))
}

test('version 2: the smallest limit on the way up holds', async () => {
  expect(
    await limitsOf('0::/jobs/one\n', {
      'jobs/one/cpu.max': 'max 100000\n',
      'jobs/one/memory.max': '8000000000\n',
      'jobs/cpu.max': '150000 100000\n',
      'jobs/memory.max': '4000000000\n',
    }),
  ).toEqual({ processors: 1.5, memory: 4e9 })
})

test('version 2 in a container, where the path is the root', async () => {
  expect(await limitsOf('0::/\n', { 'cpu.max': '200000 100000\n', 'memory.max': 'max\n' })).toEqual({ processors: 2 })
})

test('version 1: a huge number is no limit', async () => {
  expect(
    await limitsOf('4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n', {
      'cpu/box/cpu.cfs_quota_us': '50000\n',
      'cpu/box/cpu.cfs_period_us': '100000\n',
      'memory/box/memory.limit_in_bytes': '2000000000\n',
      'memory/memory.limit_in_bytes': '9223372036854771712\n',
    }),
  ).toEqual({ processors: 0.5, memory: 2e9 })
  expect(
    await limitsOf('4:memory:/\n2:cpu:/\n', {
      'cpu/cpu.cfs_quota_us': '-1\n',
      'cpu/cpu.cfs_period_us': '100000\n',
    }),
  ).toEqual({})
})

test('no cgroups, no limits', async () => {
  expect(await cgroupLimits(join(root, 'nowhere'), join(root, 'nothing'))).toEqual({})
})
