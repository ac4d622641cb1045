export { listRuns } from './list-runs.js'
export { type ReadRunOptions, readRun } from './read-run.js'
export type { RunStatus, RunSummary } from './run-summary.js'
