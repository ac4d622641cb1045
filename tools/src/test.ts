import { build, check } from './checks.js'
import { nativeProjects, runNative } from './native.js'
import { finish, type Outcome } from './outcome.js'
import { runVitest } from './vitest.js'

const full = process.argv.includes('--full')
const outcomes: Outcome[] = [await build(), ...(await check())]
const projects = await nativeProjects()
for (const project of projects) outcomes.push(await runNative(project))
outcomes.push(await runVitest('integration', ['--no-file-parallelism']))
if (full) {
  process.env.QT_FUZZ_SECONDS ??= '60'
  for (const project of projects) outcomes.push(await runNative(project, { sanitize: true }))
  outcomes.push(await runVitest('full', ['--no-file-parallelism', '--passWithNoTests']))
}
finish(outcomes)
