import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { z } from 'zod'
import { command } from './command.js'
import { couldNotRun, type Outcome } from './outcome.js'
import { root } from './root.js'

const reportSchema = z.object({
  numPassedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() }),
      ),
    }),
  ),
})

/** The first lines of a message: what was expected and what came, without the whole trace. */
const head = (message: string) => message.split('\n').slice(0, 12).join('\n    ')

/** Counts of a vitest JSON report; a file that fails outside its tests (a broken import) counts as one failure. */
export function countVitest(name: string, report: unknown, exitCode: number): Outcome {
  const read = reportSchema.parse(report)
  const failures = read.testResults.flatMap(({ name: path, status, message = '', assertionResults }) => {
    const file = relative(root, path)
    const failed = assertionResults.filter((test) => test.status === 'failed')
    if (failed.length === 0) return status === 'failed' ? [`${file}\n    ${head(message)}`] : []
    return failed.map((test) => `${file} › ${test.fullName}\n    ${head(test.failureMessages?.join('\n') ?? '')}`)
  })
  const failed = failures.length
  const unexplained = exitCode !== 0 && failed === 0
  return {
    name,
    passed: read.numPassedTests,
    failed: unexplained ? 1 : failed,
    skipped: read.numPendingTests + read.numTodoTests,
    ...(failed ? { failures } : {}),
    ...(unexplained ? { note: `vitest ended with ${exitCode}: an error outside the tests` } : {}),
  }
}

/** Runs one project of tools/vitest.config.ts, which lies here so that `vitest --root packages/x` does not find it. */
export async function runVitest(project: string, args: readonly string[] = []): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'qt-vitest-'))
  const file = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const { code } = await command(
      'vitest',
      ['run', '--config', 'tools/vitest.config.ts', '--root', root, '--project', project, ...reporters, ...args],
      { show: true },
    )
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) return couldNotRun(project, `vitest ended with ${code} and left no report`)
    return countVitest(project, JSON.parse(text), code)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
