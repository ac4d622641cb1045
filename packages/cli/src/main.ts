import { run } from './run.js'

// Nobody reads on: `| tee` was told to end as well, the terminal was closed, the disk of a log is full. What was begun goes on.
process.stderr.on('error', () => {})

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `qt … | head` closes the pipe early, somebody the terminal: that is no error.
  if (error.code === 'EPIPE' || (error.code === 'EIO' && process.stdout.isTTY)) process.exit(0)
  process.stderr.write(`error: standard output cannot be written: ${error.message}.\n`)
  process.exit(1)
})

process.exitCode = await run(process.argv.slice(2))
