let lastBreath = 0

/** Lets timers, clicks and aborts through now and then: for loops that would keep the thread to themselves. */
export async function breathe(): Promise<void> {
  const now = performance.now()
  if (now - lastBreath < 30) return
  await new Promise((resolve) => setTimeout(resolve, 0))
  lastBreath = performance.now()
}
