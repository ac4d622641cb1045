import { open, readFile } from 'node:fs/promises'
import { namingFile } from '@qt/core/node'
import { expect, test } from 'vitest'
import { exitCodeOf, friendly } from './friendly-error.js'

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => error,
  )

test.skipIf(process.platform !== 'linux')('a full disk is a failure of the machine and names the file', async () => {
  const full = await open('/dev/full', 'w')
  try {
    const error = namingFile(await thrownBy(full.writeFile('text')), 'events.jsonl')
    expect(friendly(error)).toMatchObject({
      code: 'FILE_PROBLEM',
      kind: 'failure',
      message: 'events.jsonl does not fit: the disk is full.',
      where: { file: 'events.jsonl' },
    })
    expect(exitCodeOf(error)).toBe(1)
  } finally {
    await full.close()
  }
})

test('a file that is not there is bad input', async () => {
  const error = await thrownBy(readFile('nowhere.txt'))
  expect(friendly(error)).toMatchObject({ kind: 'usage', message: 'nowhere.txt does not exist.' })
  expect(exitCodeOf(error)).toBe(2)
})
