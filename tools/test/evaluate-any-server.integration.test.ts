import { baseModelPath } from '@qt/base-model'
import { serve } from '@qt/serve'
import { expect, test } from 'vitest'
import { command, tail } from '../src/command.js'

const example = 'examples/evaluate-any-server/evaluate.ts'

test('the example measures our server, started by itself or running already, with the same result', async () => {
  const alone = await command('tsx', [example, '--count', '1'])
  expect(alone.code, tail(alone)).toBe(0)
  expect(alone.stdout).toMatch(/need a call and got the right one +\d+ % \(\d+ to \d+ %, of \d+\)/)
  const server = await serve({ name: 'base', model: baseModelPath() }, { port: 0, tokens: ['secret'] })
  try {
    const given = await command('tsx', [example, '--count', '1', '--url', `${server.url}/v1`, '--token', 'secret'])
    expect(given.code, tail(given)).toBe(0)
    expect(given.stdout.split('\n').slice(1)).toEqual(alone.stdout.split('\n').slice(1))
  } finally {
    await server.close()
  }
}, 300_000)
