import { numbers } from './units.js'

const columns = 32

/** What files of other sizes would lose, drawn: the line with a star is this one. */
export function frontierText(frontier: readonly { bytes: number; cost: number }[], own: { bytes: number; cost: number }): string {
  const points = [...frontier.filter(({ bytes }) => bytes !== own.bytes), own].sort((a, b) => a.bytes - b.bytes)
  const most = Math.max(...points.map(({ cost }) => cost), Number.MIN_VALUE)
  const digits = points.at(-1)!.bytes < 1e7 ? 3 : 1
  return numbers([
    ['', 'size', 'loss', ''],
    ...points.map((point) => [
      point === own ? '*' : '',
      `${(point.bytes / 1e6).toFixed(digits)} MB`,
      point.cost.toPrecision(3),
      '█'.repeat(Math.round((columns * point.cost) / most)).padEnd(columns),
    ]),
  ])
}
