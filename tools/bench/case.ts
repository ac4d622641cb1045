/** What one run of one contender came to, by metric; a metric that it does not have is left out. */
export type Measures = Readonly<Record<string, number>>

export interface Metric {
  readonly key: string
  readonly title: string
  readonly digits: number
  readonly better: 'higher' | 'lower'
}

export interface Finished {
  readonly stdout: string
  /** Wall time of the whole command. */
  readonly seconds: number
  /** Milliseconds since the epoch at which it was started. */
  readonly started: number
}

export interface Contender {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
  /** Before each run, outside the measured time: empty folders, never a warm-up of one contender alone. */
  prepare?(): Promise<void>
  parse(run: Finished): Promise<Measures> | Measures
}

/** A peer that is not on this machine: said in the table, never left out in silence. */
export interface Absent {
  readonly name: string
  readonly absent: string
}

export interface Case {
  readonly name: string
  readonly title: string
  /** What is held equal and the state of caches, in a sentence that is printed with the table. */
  readonly conditions: string
  readonly metrics: readonly [Metric, ...Metric[]]
  /** How many times better than the best peer ours has to be in the first metric; said beside what was measured. */
  readonly bar?: number
  /** Files read before every run, so that it finds them in the page cache. */
  readonly inputs: readonly string[]
  readonly ours: readonly (Contender | Absent)[]
  readonly peers: readonly (Contender | Absent)[]
}

export interface CaseContext {
  /** An empty folder of the case's own. */
  readonly folder: string
  /** False with --no-peers: what a peer writes for ours to start from will not be there. */
  readonly peers: boolean
}

export type MakeCase = (context: CaseContext) => Promise<Case>
