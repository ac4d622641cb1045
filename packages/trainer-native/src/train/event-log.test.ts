import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunEvent } from '@qt/core'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../test/support.js'
import { openEventLog } from './event-log.js'

const folder = await temporaryFolder()
const event = (message: string): RunEvent => ({ type: 'message', time: 'now', level: 'info', message })
const lines = async (file: string) => (await readFile(file, 'utf8')).split('\n')

test('events are lines, and the length is that of the file', async () => {
  const file = join(folder, 'new', 'events.jsonl')
  const log = await openEventLog(file, 0)
  await log.append(event('ä'))
  const length = await log.sync()
  await log.close()
  expect(length).toBe((await readFile(file)).length)
  expect(JSON.parse((await lines(file))[0]!)).toEqual(event('ä'))
})

test('what lies beyond the known length is cut: a torn line, and steps after the checkpoint', async () => {
  const file = join(folder, 'torn.jsonl')
  const log = await openEventLog(file, 0)
  await log.append(event('kept'))
  const length = await log.sync()
  await log.append(event('after the checkpoint'))
  await log.close()
  await writeFile(file, '{"type":"mess', { flag: 'a' })
  const resumed = await openEventLog(file, length)
  await resumed.append(event('next'))
  await resumed.close()
  expect((await lines(file)).slice(0, 2).map((line) => JSON.parse(line).message)).toEqual(['kept', 'next'])
  expect((await lines(file)).slice(2)).toEqual([''])
})
