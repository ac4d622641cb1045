/** A network with capacities, for Dinic's algorithm. Arcs come in pairs, each the reverse of the other. */
export interface Network {
  addArc(from: number, to: number, capacity: number): void
  /** The largest flow from the source to the sink. */
  flow(source: number, sink: number): number
  /** After `flow`: whether a node can still be reached from the source. */
  reaches(node: number): boolean
}

/** What is left of a capacity below this share of it is rounding, unless all are whole: those are exact. */
const tiny = 1e-12

export function network(nodes: number): Network {
  const arcs: number[][] = Array.from({ length: nodes }, () => [])
  const heads: number[] = []
  const left: number[] = []
  const floors: number[] = []
  let whole = true
  const level = new Int32Array(nodes)
  const next = new Uint32Array(nodes)

  const open = (arc: number): boolean => left[arc]! > (whole ? 0 : floors[arc]!)

  /** Distances from the source over arcs that have something left. */
  const measure = (source: number): void => {
    level.fill(-1)
    level[source] = 0
    const queue = [source]
    for (const node of queue)
      for (const arc of arcs[node]!)
        if (open(arc) && level[heads[arc]!]! < 0) {
          level[heads[arc]!] = level[node]! + 1
          queue.push(heads[arc]!)
        }
  }
  /** One path along growing distances, without recursion: paths may be long. */
  const push = (source: number, sink: number): number => {
    const path: number[] = []
    for (let node = source; ; ) {
      if (node === sink) {
        const amount = path.reduce((least, arc) => Math.min(least, left[arc]!), Number.POSITIVE_INFINITY)
        for (const arc of path) {
          left[arc]! -= amount
          left[arc ^ 1]! += amount
        }
        return amount
      }
      const list = arcs[node]!
      while (next[node]! < list.length) {
        const arc = list[next[node]!]!
        if (open(arc) && level[heads[arc]!] === level[node]! + 1) break
        next[node]!++
      }
      if (next[node]! < list.length) {
        const arc = list[next[node]!]!
        path.push(arc)
        node = heads[arc]!
      } else {
        const back = path.pop()
        if (back === undefined) return 0
        node = heads[back ^ 1]!
        next[node]!++
      }
    }
  }
  return {
    addArc(from, to, capacity) {
      arcs[from]!.push(heads.length)
      arcs[to]!.push(heads.length + 1)
      heads.push(to, from)
      left.push(capacity, 0)
      floors.push(tiny * capacity, tiny * capacity)
      whole &&= Number.isSafeInteger(capacity)
    },
    flow(source, sink) {
      let total = 0
      for (measure(source); level[sink]! >= 0; measure(source)) {
        next.fill(0)
        for (let amount = push(source, sink); amount > 0; amount = push(source, sink)) total += amount
      }
      return total
    },
    reaches: (node) => level[node]! >= 0,
  }
}
