const months = 'January February March April May June July August September October November December'.split(' ')
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const two = (n: number): string => String(n).padStart(2, '0')

/** Python's strftime for the directives that chat templates use, in English and in UTC, so that every machine writes the same. */
export const strftime = (date: Date, format: string): string =>
  format.replace(/%([YmdbBaAHMSjy%])/g, (_, directive: string) => {
    const month = months[date.getUTCMonth()]!
    const day = days[date.getUTCDay()]!
    const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
    const text: Readonly<Record<string, string>> = {
      Y: String(date.getUTCFullYear()),
      y: two(date.getUTCFullYear() % 100),
      m: two(date.getUTCMonth() + 1),
      d: two(date.getUTCDate()),
      b: month.slice(0, 3),
      B: month,
      a: day.slice(0, 3),
      A: day,
      H: two(date.getUTCHours()),
      M: two(date.getUTCMinutes()),
      S: two(date.getUTCSeconds()),
      j: String(dayOfYear).padStart(3, '0'),
      '%': '%',
    }
    return text[directive]!
  })
