import { usageError } from '@qt/core'

/** Qubits by number, and the pairs that are coupled, smaller number first. */
export interface HardwareGraph {
  readonly nodes: readonly number[]
  readonly edges: readonly (readonly [number, number])[]
}

/**
 * D-Wave's Chimera: rows × columns cells, in each two shores of `shore` qubits, every one coupled to the other shore; the first
 * shores are joined downwards, the second ones sideways. Numbers are those of dwave-networkx.
 *
 * @example
 * ```ts
 * chimeraGraph(16).nodes.length // 2048
 * ```
 */
export function chimeraGraph(rows: number, columns = rows, shore = 4): HardwareGraph {
  checkSizes({ rows, columns, shore })
  const number = (row: number, column: number, side: number, k: number) => ((row * columns + column) * 2 + side) * shore + k
  const edges: [number, number][] = []
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      for (let k = 0; k < shore; k++) {
        for (let l = 0; l < shore; l++) edges.push([number(row, column, 0, k), number(row, column, 1, l)])
        if (row + 1 < rows) edges.push([number(row, column, 0, k), number(row + 1, column, 0, k)])
        if (column + 1 < columns) edges.push([number(row, column, 1, k), number(row, column + 1, 1, k)])
      }
  return { nodes: Array.from({ length: rows * columns * 2 * shore }, (_, i) => i), edges: sorted(edges) }
}

/** Where a qubit of Pegasus begins along its line, by its place among twelve: vertical ones, horizontal ones. */
const pegasusOffsets = [
  [2, 2, 2, 2, 10, 10, 10, 10, 6, 6, 6, 6],
  [6, 6, 6, 6, 2, 2, 2, 2, 10, 10, 10, 10],
] as const

/**
 * D-Wave's Pegasus (Boothby et al., arXiv 2003.00133): lines of qubits twelve units long, vertical and horizontal, coupled where they cross,
 * end to end, and in pairs side by side. Without the qubits at the border that nothing is coupled to. Numbers are those of dwave-networkx.
 */
export function pegasusGraph(size: number): HardwareGraph {
  checkSizes({ size }, 2)
  const parts = size - 1
  const number = (u: number, w: number, k: number, z: number) => ((u * size + w) * 12 + k) * parts + z
  const edges: [number, number][] = []
  for (const u of [0, 1])
    for (let w = 0; w < size; w++)
      for (let k = 0; k < 12; k++)
        for (let z = 0; z < parts; z++) {
          if (z + 1 < parts) edges.push([number(u, w, k, z), number(u, w, k, z + 1)])
          if (k % 2 === 0) edges.push([number(u, w, k, z), number(u, w, k + 1, z)])
          if (u === 1) continue
          // The horizontal lines that this vertical one crosses.
          const from = 12 * z + pegasusOffsets[0][k]!
          const x = 12 * w + k
          for (let y = from; y < Math.min(from + 12, 12 * size); y++) {
            const start = pegasusOffsets[1][y % 12]!
            const part = Math.floor((x - start) / 12)
            if (part >= 0 && part < parts) edges.push([number(0, w, k, z), number(1, Math.floor(y / 12), y % 12, part)])
          }
        }
  return largestPart(edges)
}

/**
 * D-Wave's Zephyr (Boothby et al., 2021): lines two units long, in two staggered rows, coupled where they cross, end to end, and to the two
 * that overlap them. Numbers are those of dwave-networkx.
 */
export function zephyrGraph(size: number, tile = 4): HardwareGraph {
  checkSizes({ size, tile })
  const lines = 2 * size + 1
  const number = (u: number, w: number, k: number, j: number, z: number) => (((u * lines + w) * tile + k) * 2 + j) * size + z
  const edges: [number, number][] = []
  for (const u of [0, 1])
    for (let w = 0; w < lines; w++)
      for (let k = 0; k < tile; k++)
        for (let z = 0; z < size; z++) {
          edges.push([number(u, w, k, 0, z), number(u, w, k, 1, z)])
          if (z > 0) edges.push([number(u, w, k, 0, z), number(u, w, k, 1, z - 1)])
          for (const j of [0, 1]) {
            if (z + 1 < size) edges.push([number(u, w, k, j, z), number(u, w, k, j, z + 1)])
            if (u === 1) continue
            for (const across of [2 * z + j, 2 * z + j + 1])
              for (const i of [0, 1])
                for (const part of [(w - i) / 2, (w - i - 1) / 2])
                  if (Number.isInteger(part) && part >= 0 && part < size)
                    for (let l = 0; l < tile; l++) edges.push([number(0, w, k, j, z), number(1, across, l, i, part)])
          }
        }
  return { nodes: Array.from({ length: 2 * lines * tile * 2 * size }, (_, i) => i), edges: sorted(edges) }
}

function sorted(edges: readonly [number, number][]): [number, number][] {
  return edges.map(([a, b]): [number, number] => (a < b ? [a, b] : [b, a])).sort(([a, b], [c, d]) => a - c || b - d)
}

function largestPart(edges: readonly [number, number][]): HardwareGraph {
  const around = new Map<number, number[]>()
  for (const [a, b] of edges) {
    around.set(a, [...(around.get(a) ?? []), b])
    around.set(b, [...(around.get(b) ?? []), a])
  }
  const part = new Map<number, number>()
  const sizes: number[] = []
  for (const start of around.keys()) {
    if (part.has(start)) continue
    const stack = [start]
    part.set(start, sizes.length)
    let size = 0
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      size++
      for (const next of around.get(node)!)
        if (!part.has(next)) {
          part.set(next, sizes.length)
          stack.push(next)
        }
    }
    sizes.push(size)
  }
  const largest = sizes.indexOf(Math.max(...sizes))
  const kept = edges.filter(([a]) => part.get(a) === largest)
  return { nodes: [...around.keys()].filter((node) => part.get(node) === largest).sort((a, b) => a - b), edges: sorted(kept) }
}

function checkSizes(sizes: Readonly<Record<string, number>>, least = 1): void {
  for (const [field, value] of Object.entries(sizes))
    if (!(Number.isInteger(value) && value >= least && value <= 64))
      throw usageError('QUBO_OPTION', `"${field}" is ${value}.`, {
        where: { field },
        actions: [`Give a whole number from ${least} to 64.`],
      })
}
