const [width, height, left, bottom] = [720, 260, 48, 28]

/** A curve as SVG: thin points as they are, a thick line through their running mean. */
export function lossChart(points: readonly { readonly step: number; readonly loss: number }[]): string {
  if (points.length < 2) return ''
  const lastStep = points.at(-1)!.step
  const top = Math.max(...points.map(({ loss }) => loss))
  const x = (step: number) => left + ((width - left - 8) * step) / lastStep
  const y = (loss: number) => height - bottom - ((height - bottom - 10) * loss) / top
  const path = (values: readonly { step: number; loss: number }[]) =>
    values.map(({ step, loss }, i) => `${i === 0 ? 'M' : 'L'}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join('')
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top).toFixed(1)
    return `<line x1="${left}" x2="${width - 8}" y1="${at}" y2="${at}"/><text x="${left - 6}" y="${at}" dy="4" text-anchor="end">${(share * top).toFixed(1)}</text>`
  })
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Loss by step">
<g class="grid">${grid.join('')}<text x="${left}" y="${height - 8}">step 1</text><text x="${width - 8}" y="${height - 8}" text-anchor="end">step ${lastStep}</text></g>
<path class="raw" d="${path(points)}"/><path class="mean" d="${path(smooth(points))}"/></svg>`
}

function smooth(points: readonly { readonly step: number; readonly loss: number }[]) {
  const reach = Math.max(1, Math.round(points.length / 40))
  return points.map(({ step }, i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1)
    return { step, loss: near.reduce((sum, { loss }) => sum + loss, 0) / near.length }
  })
}
