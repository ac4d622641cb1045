// Seconds to verify every canonical solution of HumanEval many times, two at once, as JSON.  usage: human-eval.ts sandbox|plain FILE [TIMES]
import { spawn } from 'node:child_process'
import { type CodeTask, humanEval } from '@qt/eval'
import { openSandbox } from '@qt/sandbox'

const [mode, file, times = '10'] = process.argv.slice(2)
const tasks = await humanEval(file!)
const jobs = Array.from({ length: Number(times) }, () => tasks).flat()
const python = '/usr/bin/python3'

/** The program that the task would run in a sandbox, in a bare process. */
const plain = async (task: CodeTask): Promise<boolean> => {
  const { passed } = await task.verify(task.reference, {
    executor: {
      run: ({ code = '' }) =>
        new Promise((resolve) => {
          const child = spawn(python, ['-c', code], { stdio: ['ignore', 'pipe', 'pipe'] })
          let [stdout, stderr] = ['', '']
          child.stdout.on('data', (piece) => (stdout += piece))
          child.stderr.on('data', (piece) => (stderr += piece))
          child.on('close', (exitCode) => resolve({ exitCode, ended: 'exited', stdout, stderr, seconds: 0 }))
        }),
    },
  })
  return passed
}

const sandbox = mode === 'sandbox' ? await openSandbox({ parallel: 2 }) : undefined
const verify = sandbox ? async (task: CodeTask) => (await task.verify(task.reference, { executor: sandbox })).passed : plain
let [next, passed] = [0, 0]
const started = performance.now()
await Promise.all(
  [0, 1].map(async () => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) if (await verify(job)) passed++
  }),
)
const seconds = (performance.now() - started) / 1000
await sandbox?.close()
console.log(JSON.stringify({ seconds, milliseconds: (1000 * seconds) / jobs.length, passed }))
