/** Where a job of a cluster stands. */
export interface JobState {
  /** In the cluster's own words: PENDING, RUNNING, COMPLETED, TIMEOUT … */
  readonly state: string
  readonly phase: 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'unknown'
  /** Why it waits, or how it ended. */
  readonly reason?: string | undefined
  readonly nodes?: string | undefined
  /** How long it has run, as the cluster says it. */
  readonly elapsed?: string | undefined
  /** Times it was started again. */
  readonly restarts?: number | undefined
  readonly exitCode?: number | undefined
}

export const isOver = ({ phase }: JobState): boolean => phase === 'succeeded' || phase === 'failed' || phase === 'cancelled'
