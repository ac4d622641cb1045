/** Lets text through until a stop string appears, holding back what might still become one. */
export function stopStrings(stops: readonly string[]) {
  let held = ''
  const longest = Math.max(0, ...stops.map((stop) => stop.length))
  return {
    /** Text that is safe to show, and whether a stop string was found. */
    push(text: string): { text: string; stopped: boolean } {
      held += text
      let at = -1
      for (const stop of stops) {
        const found = stop === '' ? -1 : held.indexOf(stop)
        if (found >= 0 && (at < 0 || found < at)) at = found
      }
      if (at >= 0) {
        const before = held.slice(0, at)
        held = ''
        return { text: before, stopped: true }
      }
      let keep = Math.min(longest - 1, held.length)
      while (keep > 0 && !stops.some((stop) => stop.startsWith(held.slice(held.length - keep)))) keep--
      const out = held.slice(0, held.length - Math.max(0, keep))
      held = held.slice(out.length)
      return { text: out, stopped: false }
    },
    /** What was held back, at the end. */
    end(): string {
      const rest = held
      held = ''
      return rest
    },
  }
}
