import { expect, test } from 'vitest'
import { mounts, mountsUnder } from './mounts.js'

const text = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '30 22 8:2 / /usr ro,nodev,noatime shared:2 - ext4 /dev/sda2 ro',
  '31 30 8:3 / /usr/with\\040space rw,nosuid shared:3 - ext4 /dev/sda3 rw',
  '32 22 8:4 / /usrlocal rw,noexec - ext4 /dev/sda4 rw',
].join('\n')

test('a folder brings the flags of the mount that holds it, and the mounts below', () => {
  expect(mountsUnder('/usr', mounts(text))).toEqual([
    { path: '/usr', flags: ['nodev', 'noatime'] },
    { path: '/usr/with space', flags: ['nosuid'] },
  ])
  expect(mountsUnder('/lib', mounts(text))).toEqual([{ path: '/lib', flags: ['relatime'] }])
  expect(mountsUnder('/usr/bin', mounts(text))).toEqual([{ path: '/usr/bin', flags: ['nodev', 'noatime'] }])
})
