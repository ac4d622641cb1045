import { expect, test } from 'vitest'
import { parseAccounting, parseController } from './slurm-job.js'

const shown = (state: string, more = '') =>
  `JobId=7 JobName=qt-run UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=0 Account=(null) QOS=(null) JobState=${state} ` +
  `Reason=None Dependency=(null) Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=3:0 RunTime=00:01:02 TimeLimit=01:00:00 ` +
  `ReqNodeList=(null) ExcNodeList=(null) NodeList=node[1-2] BatchHost=node1 ${more}\n`

test.each([
  ['PENDING', 'waiting'],
  ['RUNNING', 'running'],
  ['COMPLETING', 'running'],
  ['COMPLETED', 'succeeded'],
  ['CANCELLED', 'cancelled'],
  ['TIMEOUT', 'failed'],
  ['OUT_OF_MEMORY', 'failed'],
  ['NODE_FAIL', 'failed'],
])('a job that is %s is %s', (state, phase) => {
  const over = phase !== 'waiting' && phase !== 'running'
  expect(parseController(shown(state))).toEqual({
    state,
    phase,
    reason: undefined,
    nodes: 'node[1-2]',
    elapsed: '00:01:02',
    restarts: 2,
    ...(over ? { exitCode: 3 } : {}),
  })
})

test('a path that looks like a field changes nothing', () => {
  expect(parseController(shown('RUNNING', 'Command=/w/a JobState=FAILED b/job.sh'))?.state).toBe('RUNNING')
  expect(parseController('slurm_load_jobs error: Invalid job id specified')).toBeUndefined()
})

test('of a job that was queued again the accounting’s last line counts', () => {
  expect(parseAccounting('REQUEUED|0:0|00:10:00|node1\nCANCELLED by 1000|0:15|00:00:05|node2\n')).toEqual({
    state: 'CANCELLED',
    phase: 'cancelled',
    exitCode: 0,
    elapsed: '00:00:05',
    nodes: 'node2',
  })
  expect(parseAccounting('\n')).toBeUndefined()
})
