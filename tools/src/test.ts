import { build, check } from './checks.js'
import { nativeProjects, runFuzz, runNative } from './native.js'
import { finish, type Outcome } from './outcome.js'
import { runVitest } from './vitest.js'

const full = process.argv.includes('--full')
if (full) process.env.QT_NEW_INPUTS = '1'
const outcomes: Outcome[] = [await build(), ...(await check())]
const projects = await nativeProjects()
for (const project of projects) outcomes.push(await runNative(project, { full }))
outcomes.push(await runVitest('integration', ['--no-file-parallelism']))
if (full) {
  for (const sanitizer of ['address,undefined', 'thread'] as const)
    for (const project of projects) outcomes.push(await runNative(project, { sanitizer }))
  for (const project of projects) outcomes.push(...(await runFuzz(project, 60)))
  outcomes.push(await runVitest('full', ['--no-file-parallelism', '--passWithNoTests']))
}
finish(outcomes)
