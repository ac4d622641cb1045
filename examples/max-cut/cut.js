// node examples/max-cut/cut.js [OUT.html]: cuts a random graph in two, and writes a page with the picture.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { quadraticModel, solve } from '@qt/quantum'

const out = process.argv[2] ?? 'runs/max-cut.html'
const count = 60
const nearest = 5

// Points in a square, the same ones every time, each joined to those nearest to it.
let state = 7
const draw = () => {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0
  return state / 2 ** 32
}
const points = Array.from({ length: count }, () => ({ x: 40 + 720 * draw(), y: 40 + 520 * draw() }))
const distance = (i, j) => Math.hypot(points[i].x - points[j].x, points[i].y - points[j].y)
const edges = new Map()
for (let i = 0; i < count; i++) {
  const others = points.map((_, j) => j).filter((j) => j !== i)
  others.sort((a, b) => distance(i, a) - distance(i, b))
  for (const j of others.slice(0, nearest)) edges.set(`${Math.min(i, j)} ${Math.max(i, j)}`, [Math.min(i, j), Math.max(i, j)])
}

// An edge costs +1 when its ends are on the same side and −1 when they are not.
const graph = quadraticModel({ vartype: 'spin', size: count, couplings: [...edges.values()].map(([i, j]) => [i, j, 1]) })
const { energy, solution, proven, seconds, solver } = await solve(graph, { time: 1, seed: 1 })
const cut = (edges.size - energy) / 2
const words = `${cut} of ${edges.size} edges lie between the halves${proven ? ', and no cut has more' : ''} (${solver}, ${seconds.toFixed(2)} s)`

const line = ([i, j]) => {
  const crossing = solution[i] !== solution[j]
  const style = crossing ? 'stroke="#222" stroke-width="1.6"' : 'stroke="#c9c4ba" stroke-width="1" stroke-dasharray="3 4"'
  return `<line x1="${points[i].x.toFixed(1)}" y1="${points[i].y.toFixed(1)}" x2="${points[j].x.toFixed(1)}" y2="${points[j].y.toFixed(1)}" ${style}/>`
}
const circle = ({ x, y }, i) =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="8" fill="${solution[i] === 1 ? '#d1495b' : '#2e6f95'}"><title>${i}</title></circle>`
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A maximum cut</title>
<body style="font: 16px/1.5 system-ui, sans-serif; max-width: 820px; margin: 2rem auto; color: #222">
<h1>A maximum cut</h1>
<p>${words}.</p>
<svg viewBox="0 0 800 600" role="img" aria-label="${words}" style="width: 100%">
${[...edges.values()].map(line).join('\n')}
${points.map(circle).join('\n')}
</svg>
</body>
</html>
`
await mkdir(dirname(out), { recursive: true })
await writeFile(out, page)
console.log(`${words}. The picture is in ${out}.`)
