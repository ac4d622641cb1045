import { expect, test } from 'vitest'
import { sharingOf } from './shared-folder.js'

test('no other machine sees /tmp, whatever it is on', async () => {
  for (const path of ['/tmp', '/tmp/runs/first', '/var/tmp/x']) expect((await sharingOf(path)).shared).toBe('no')
  expect((await sharingOf('/tmpfiles/x')).shared).not.toBe('no')
})

test('a folder that is not there yet is judged by the one it will be in', async () => {
  // What the root of this machine is on differs; that a missing folder is judged as its parent is the same everywhere.
  expect(await sharingOf('/not/there/yet')).toEqual(await sharingOf('/'))
})
