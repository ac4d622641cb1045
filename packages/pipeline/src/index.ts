export { diagnose } from './doctor/diagnose.js'
export { type DoctorReport, doctor } from './doctor/doctor.js'
export type { Finding } from './doctor/finding.js'
export { type HardwareProfileOptions, hardwareProfile } from './doctor/hardware-profile.js'
export type { Gpu, HardwareProfile, NativePart } from './doctor/profile.js'
export { type ReportFormat, renderReport, verdictOf } from './doctor/render-report.js'
export { listRuns } from './list-runs.js'
export type { EvaluatedModel, MeasuredShare } from './pipeline/evaluate.js'
export { type PipelineEvent, type PipelineResult, type StageName, stageNames } from './pipeline/events.js'
export { loadPipelineConfig, type PipelineConfig } from './pipeline/load-config.js'
export { type PipelineOptions, pipeline } from './pipeline/pipeline.js'
export { type ReadRunOptions, readRun } from './read-run.js'
export type { RunStatus, RunSummary } from './run-summary.js'
export type { Link } from './scaling/exchange.js'
export { type ScalingInput, type ScalingRow, scaling } from './scaling/scaling.js'
export { scalingTable } from './scaling/scaling-table.js'
export {
  cancelSubmission,
  type Followed,
  type FollowOptions,
  followSubmission,
  isOver,
  type JobState,
  type K8sOptions,
  type K8sSubmission,
  k8sManifests,
  type LogLine,
  type Manifest,
  manifestText,
  mergedLog,
  readSubmission,
  type SlurmOptions,
  type SlurmSubmission,
  type Submission,
  type SubmitSlurmOptions,
  slurmScript,
  submissionLog,
  submissionState,
  submitK8s,
  submitSlurm,
  submittedRun,
} from './submit/index.js'
