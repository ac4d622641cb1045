import { QtError } from '@qt/core'

interface Kept {
  readonly samples: string | undefined
  readonly cache: string | undefined
}

/** Says after Ctrl-C what was kept and how to go on. */
export async function sayingWhatWasKept<T>({ samples, cache }: Kept, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!signal.aborted) throw cause
    const [message, action] =
      samples !== undefined
        ? [`Judging was stopped; ${samples} is as it was.`, 'Run the same command again.']
        : cache !== undefined
          ? [`The evaluation was stopped; the answers so far are in ${cache}.`, 'Run the same command again to go on.']
          : [
              'The evaluation was stopped, and its answers are lost.',
              'Add --cache FILE: then the same command goes on where it was.',
            ]
    throw new QtError({ code: 'EVAL_INTERRUPTED', kind: 'interrupted', message, actions: [action], cause })
  }
}
