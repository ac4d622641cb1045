import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { baseModelPath } from '@qt/base-model'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

const example = 'examples/evaluate-any-server/evaluate.ts'
const served = z.object({ url: z.string(), models: z.tuple([z.string()]) })

/** `qt serve` as a process of its own, on a port that is free. */
async function qtServe(token: string) {
  const args = ['serve', baseModelPath(), '--name', 'base', '--port', '0', '--json']
  const child = spawn(process.execPath, [join(root, 'packages/cli/bin/qt.js'), ...args], {
    env: { ...process.env, QT_SERVE_TOKEN: token },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(child, 'close')
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [first]: Buffer[] = await once(child.stdout, 'data')
  return { child, ended, ...served.parse(JSON.parse(String(first))) }
}

test('the example measures our server, started by itself or as qt serve, with the same result', async () => {
  const alone = await command('tsx', [example, '--count', '1'])
  expect(alone.code, tail(alone)).toBe(0)
  expect(alone.stdout).toMatch(/need a call and got the right one +\d+ % \(\d+ to \d+ %, of \d+\)/)
  const { child, ended, url } = await qtServe('secret')
  const refused = await command('tsx', [example, '--count', '1', '--url', `${url}/v1`, '--token', 'guess'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('The server answers 401')])
  const given = await command('tsx', [example, '--count', '1', '--url', `${url}/v1`, '--token', 'secret'])
  expect(given.code, tail(given)).toBe(0)
  expect(given.stdout.split('\n').slice(1)).toEqual(alone.stdout.split('\n').slice(1))
  child.kill('SIGINT')
  expect(await ended).toEqual([0, null])
}, 300_000)
