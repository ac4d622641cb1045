import { readFile } from 'node:fs/promises'
import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import { submitFiles } from './submit-files.js'

const submissionSchema = z.discriminatedUnion('to', [
  z.object({ to: z.literal('slurm'), job: z.string(), cluster: z.string().optional(), time: z.string(), run: z.string() }),
  z.object({
    to: z.literal('k8s'),
    kind: z.enum(['Job', 'JobSet']),
    name: z.string(),
    namespace: z.string(),
    time: z.string(),
    run: z.string(),
  }),
])

/** What was submitted for a run: `submit/job.json` in its folder. */
export type Submission = z.infer<typeof submissionSchema>

export const writeSubmission = (output: string, submission: Submission): Promise<void> =>
  writeFileAtomic(submitFiles(output).record, `${JSON.stringify(submission, undefined, 2)}\n`)

/** The submission of a run; undefined when there was none. */
export async function findSubmission(output: string): Promise<Submission | undefined> {
  const { record } = submitFiles(output)
  const text = await readFile(record, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return submissionSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw usageError('SUBMIT_RECORD_DAMAGED', 'What was submitted for this run cannot be read.', {
      where: { file: record },
      actions: ['Look for the job with the tools of the cluster, then delete this file.'],
      cause,
    })
  }
}

export async function readSubmission(output: string): Promise<Submission> {
  const found = await findSubmission(output)
  if (found) return found
  throw usageError('SUBMIT_MISSING', `Nothing was submitted for the run in ${output}.`, {
    where: { file: submitFiles(output).record },
    actions: ['Name the "output" of a configuration that was submitted.', 'Submit one: qt submit slurm --config train.yaml'],
  })
}
