import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeFileAtomic } from './write-atomic.js'

test('what the system refuses is said of the file that was asked for, and nothing is left behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-atomic-'))
  try {
    const file = join(folder, 'none', 'report.html')
    await expect(writeFileAtomic(file, 'text')).rejects.toMatchObject({ code: 'ENOENT', path: file })
    await writeFileAtomic(join(folder, 'a'), 'text')
    const inFile = join(folder, 'a', 'report.html')
    await expect(writeFileAtomic(inFile, 'text')).rejects.toMatchObject({ code: 'ENOTDIR', path: inFile })
    expect(await readdir(folder)).toEqual(['a'])
  } finally {
    await rm(folder, { recursive: true })
  }
})
