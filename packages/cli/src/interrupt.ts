import { isatty } from 'node:tty'

/**
 * Ctrl-C (or a termination request) once: the signal aborts and work ends in order; twice: the process ends at once. So does a terminal that
 * is closed, which may tell it more than once.
 */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>, onFirst?: () => void): Promise<T> {
  const controller = new AbortController()
  // Asked now: of a terminal that is gone nobody can tell that it was one.
  const isOnTerminal = [0, 1, 2].some((stream) => isatty(stream))
  const begin = () => {
    controller.abort()
    onFirst?.()
  }
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130)
    begin()
  }
  const hangUp = () => {
    // Node takes back what nohup has set; what is left of it is that no stream is a terminal. Nor has what torchrun tells to end so.
    const isDetached = !isOnTerminal && process.env.TORCHELASTIC_RUN_ID === undefined
    if (controller.signal.aborted || isDetached) return
    begin()
    // As one ends whom a closed terminal ends: by itself node would set the terminal back, find none and abort.
    if (isOnTerminal) process.once('exit', () => process.kill(process.pid, 'SIGHUP'))
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  process.on('SIGHUP', hangUp)
  try {
    return await work(controller.signal)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    process.off('SIGHUP', hangUp)
  }
}
