import { join, resolve } from 'node:path'

/** Where a submission keeps its files inside the run's folder, all of them absolute. */
export const submitFiles = (output: string) => {
  const run = resolve(output)
  return {
    run,
    folder: join(run, 'submit'),
    /** What was submitted, and its number or name there. */
    record: join(run, 'submit', 'job.json'),
    /** The configuration as it was then, flags included. */
    config: join(run, 'submit', 'config.yaml'),
    script: join(run, 'submit', 'job.sh'),
    manifests: join(run, 'submit', 'job.yaml'),
    logs: join(run, 'logs'),
    events: join(run, 'events.jsonl'),
    checkpoints: join(run, 'checkpoints'),
  }
}
