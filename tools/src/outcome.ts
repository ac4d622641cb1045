/** What one stage of checking came to. */
export interface Outcome {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped?: number
  /** Said beside the figures: why a stage failed as a whole, or could not run. */
  readonly note?: string
  /** What failed and why, a few lines each; printed once more at the end, where a reader of a long log looks. */
  readonly failures?: readonly string[]
}

/** A stage that counts as one check. */
export const single = (name: string, ok: boolean, note?: string): Outcome => ({
  name,
  passed: ok ? 1 : 0,
  failed: ok ? 0 : 1,
  ...(note === undefined ? {} : { note }),
})

/** A stage that could not run is a failure: nothing was shown. */
export const couldNotRun = (name: string, why: string): Outcome => single(name, false, `could not run: ${why}`)

/** One line a stage, and alone on the last line `N passed, N failed`. */
export function summary(outcomes: readonly Outcome[]): string {
  const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  const width = Math.max(0, ...outcomes.map((outcome) => outcome.name.length))
  const lines = outcomes.map(({ name, passed, failed, skipped, note }) => {
    const more = [skipped ? `${skipped} skipped` : '', note ?? ''].filter(Boolean)
    return `  ${name.padEnd(width)}  ${passed} passed, ${failed} failed${more.length ? ` (${more.join('; ')})` : ''}`
  })
  const failures = outcomes.flatMap(({ name, failures = [] }) => failures.map((failure) => `\n${name} failed: ${failure}`))
  return [...lines, ...failures, '', `${sum('passed')} passed, ${sum('failed')} failed`].join('\n')
}

/** Prints the summary and sets the exit code: 1 when anything failed or nothing ran. */
export function finish(outcomes: readonly Outcome[]): void {
  console.log(`\n${summary(outcomes)}`)
  const ran = outcomes.some(({ passed }) => passed > 0)
  process.exitCode = ran && outcomes.every(({ failed }) => failed === 0) ? 0 : 1
}
