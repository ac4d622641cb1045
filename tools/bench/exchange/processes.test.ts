import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command } from '../../src/command.js'
import { root } from '../../src/root.js'

const job = (count: number, script: string) =>
  command(process.execPath, [
    ...['--import', 'tsx', join(root, 'tools/bench/exchange/processes.ts'), String(count)],
    ...[process.execPath, '--eval', script],
  ])

test('each process gets a number of its own, and all the same port, which is free', async () => {
  const { code, stdout } = await job(
    3,
    'const { RANK, WORLD_SIZE, MASTER_PORT } = process.env; console.log(RANK, WORLD_SIZE, MASTER_PORT)',
  )
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n').sort()
  const port = Number(lines[0]?.split(' ')[2])
  expect(lines).toEqual([0, 1, 2].map((rank) => `${rank} 3 ${port}`))
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(port, resolve))
  await new Promise((resolve) => server.close(resolve))
})

test('one that fails ends those that would wait for it for ever, and its code is that of all', async () => {
  const { code, stderr } = await job(2, 'if (process.env.RANK === "1") process.exit(7); else setInterval(() => {}, 1000)')
  expect([code, stderr.trim()]).toEqual([7, 'process 1 ended with 7'])
})

test('a program that is not there is said', async () => {
  const { code, stderr } = await command(process.execPath, [
    ...['--import', 'tsx', join(root, 'tools/bench/exchange/processes.ts'), '2', '/no/such/program'],
  ])
  expect(code).toBe(1)
  expect(stderr).toContain('process 0 did not start')
})
