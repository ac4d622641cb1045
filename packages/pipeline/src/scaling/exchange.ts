/** A connection: bytes per second in each direction, and the seconds that the smallest message takes. */
export interface Link {
  readonly bandwidth: number
  readonly latency: number
}

export interface Topology {
  readonly processes: number
  /** Processes of one machine; they exchange over `inside`, and each has its own way `between` machines. */
  readonly perMachine: number
  readonly inside: Link
  readonly between: Link
}

/** Reduce-scatter, or all-gather, on a ring: each process sends n − 1 pieces of 1/n of the bytes. */
export const ringHalf = (bytes: number, members: number, { bandwidth, latency }: Link): number =>
  members <= 1 ? 0 : (members - 1) * (latency + bytes / (members * bandwidth))

/** All-reduce on a ring: the bytes go around twice, in 2(n − 1) messages one after the other. */
export const ringAllReduce = (bytes: number, members: number, link: Link): number => 2 * ringHalf(bytes, members, link)

/**
 * All-reduce on two binary trees, each for half of the bytes, in pipelined pieces (Sanders, Speck, Träff 2009): as much for the
 * link as a ring of many, but only 2 log₂ n messages one after the other.
 */
export const treeAllReduce = (bytes: number, members: number, { bandwidth, latency }: Link): number =>
  members <= 1 ? 0 : 2 * Math.ceil(Math.log2(members)) * latency + (2 * bytes) / bandwidth

/**
 * All-reduce of a cluster: machines reduce inside, so that each process has its part; the processes with the same part exchange
 * it between machines, by the ring or the trees, whichever is quicker; machines gather inside.
 */
export function allReduce(bytes: number, topology: Topology): number {
  const { members, machines, inside, between } = levels(topology)
  const part = bytes / members
  const across = Math.min(ringAllReduce(part, machines, between), treeAllReduce(part, machines, between))
  return 2 * ringHalf(bytes, members, inside) + across
}

/** Reduce-scatter, or all-gather, of a cluster: half of an all-reduce, on rings. */
export function halfExchange(bytes: number, topology: Topology): number {
  const { members, machines, inside, between } = levels(topology)
  return ringHalf(bytes, members, inside) + ringHalf(bytes / members, machines, between)
}

function levels({ processes, perMachine, inside, between }: Topology) {
  const members = Math.min(processes, perMachine)
  return { members, machines: Math.ceil(processes / members), inside, between }
}
