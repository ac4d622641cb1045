import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import type { Team } from './team.js'
import { withTeam } from './with-team.js'

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address ? address.port : 0
}

test('a connection that fails is the end of the job wherever that is noticed, in words for people', async () => {
  const place = { kind: 'tcp', size: 2, host: '127.0.0.1', port: await freePort(), localSize: 2, bound: false } as const
  const work = async ({ rank, communicator, gather }: Team) => {
    if (rank === 0) communicator?.fail('the line is cut')
    await gather([rank])
  }
  const { signal } = new AbortController()
  const ends = [0, 1].map((rank) => withTeam({ ...place, rank, localRank: rank }, signal, work))
  expect(await Promise.allSettled(ends)).toMatchObject([
    { reason: { code: 'JOB_BROKEN', message: expect.stringContaining('the line is cut') } },
    { reason: { code: 'RANK_LOST', message: expect.stringContaining('the line is cut') } },
  ])
})
