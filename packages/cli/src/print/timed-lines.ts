/** Puts the time before each line, by which logs of many processes are merged (`QT_LOG_TIMES=1`; `qt submit` sets it). */
export function timedLines(write: (text: string) => void, now: () => Date = () => new Date()): (text: string) => void {
  let begins = true
  return (text) => {
    const lines = text.split(/(?<=\n)/)
    for (const line of lines) {
      if (line === '') continue
      write(begins ? `${now().toISOString()}  ${line}` : line)
      begins = line.endsWith('\n')
    }
  }
}
