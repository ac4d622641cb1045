import { readFile } from 'node:fs/promises'
import { parseEvent, type RunEvent } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'

/** report.html: one self-contained page with the curves of a run, drawn from its events. */
export async function writeReport(file: string, eventsFile: string): Promise<void> {
  const events = (await readFile(eventsFile, 'utf8'))
    .split('\n')
    .map(parseEvent)
    .filter((event) => event !== undefined)
  await writeFileAtomic(file, page(events))
}

type Point = readonly [x: number, y: number]

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`

function page(events: readonly RunEvent[]): string {
  const of = <Type extends RunEvent['type']>(type: Type) =>
    events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type)
  const steps = of('step')
  const loss = steps.map(({ step, loss: y }): Point => [step, y])
  const validation = of('validation').map(({ step, loss: y }): Point => [step, y])
  const end = of('end').at(-1)
  const speeds = steps.map(({ tokensPerSecond }) => tokensPerSecond).sort((a, b) => a - b)
  const last = steps.at(-1)
  const facts: readonly (readonly [string, string])[] = [
    ['ended', end?.why ?? 'not yet'],
    ['steps', String(steps.length)],
    ['last loss', loss.at(-1)?.[1].toFixed(4) ?? '–'],
    ['last validation loss', validation.at(-1)?.[1].toFixed(4) ?? '–'],
    ['tokens trained on', String(steps.at(-1)?.tokens ?? 0)],
    ['tokens per second (median)', String(Math.round(speeds[Math.floor(speeds.length / 2)] ?? 0))],
    ['peak memory', gibibytes(last?.memory ?? 0)],
    ...(last?.deviceMemory === undefined ? [] : ([['GPU memory', gibibytes(last.deviceMemory)]] as const)),
  ]
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Training run</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
td{padding:.1rem 1.5rem .1rem 0}svg{width:100%;height:auto}text{font-size:11px;fill:#555}</style>
<h1>Training run</h1><table>${facts.map(([name, value]) => `<tr><td>${name}<td><b>${value}</b>`).join('')}</table>
<h2>Loss</h2>${chart([
    { points: loss, colour: '#2563eb', name: 'training' },
    { points: validation, colour: '#dc2626', name: 'validation' },
  ])}
<h2>Gradient norm</h2>${chart([{ points: steps.map(({ step, gradNorm }): Point => [step, gradNorm]), colour: '#2563eb', name: 'before clipping' }])}
</html>\n`
}

interface Curve {
  readonly points: readonly Point[]
  readonly colour: string
  readonly name: string
}

function chart(curves: readonly Curve[]): string {
  const drawn = curves.filter(({ points }) => points.length > 0)
  const all = drawn.flatMap(({ points }) => points)
  if (all.length === 0) return '<p>Nothing to draw.</p>'
  const [width, height, left, bottom] = [700, 260, 60, 24]
  const range = (axis: 0 | 1): readonly [number, number] => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const point of all) [low, high] = [Math.min(low, point[axis]), Math.max(high, point[axis])]
    return [low, high === low ? low + 1 : high]
  }
  const [x, y] = [range(0), range(1)]
  const place = ([px, py]: Point) =>
    `${(left + ((px - x[0]) / (x[1] - x[0])) * (width - left - 10)).toFixed(1)},${(10 + (1 - (py - y[0]) / (y[1] - y[0])) * (height - bottom - 10)).toFixed(1)}`
  const lines = drawn.map(
    ({ points, colour }) =>
      `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points.map(place).join(' ')}"/>`,
  )
  const names = drawn.map(({ name, colour }, i) => `<text x="${left + 10 + 90 * i}" y="20" style="fill:${colour}">${name}</text>`)
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${lines.join('')}${names.join('')}
<text x="0" y="16">${y[1].toFixed(3)}</text><text x="0" y="${height - bottom}">${y[0].toFixed(3)}</text>
<text x="${left}" y="${height - 6}">step ${x[0]}</text><text x="${width - 60}" y="${height - 6}">${x[1]}</text></svg>`
}
