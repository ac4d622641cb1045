import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** File systems in the memory of this machine, or of this container, by the number that Linux gives them (statfs(2)). */
const ofThisMachine: ReadonlyMap<number, string> = new Map([
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
  [0x794c_7630, 'overlay'],
])

/** What can be shared by NFS, but is a disk of this machine. */
const disks: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x5846_5342, 'xfs'],
  [0x9123_683e, 'btrfs'],
])

/** Folders that every machine has for itself. */
const own = /^\/(?:tmp|var\/tmp|dev\/shm|run)(?:\/|$)/

export interface Sharing {
  /** `no`: other machines cannot see it; `maybe`: a disk of this machine, which may be exported; `likely`: a network's. */
  readonly shared: 'no' | 'maybe' | 'likely'
  readonly why: string
}

/** Whether other machines see a folder, as far as it can be told from here; the folder need not be there yet. */
export async function sharingOf(path: string): Promise<Sharing> {
  if (own.test(path)) return { shared: 'no', why: `${own.exec(path)?.[0].replace(/\/$/, '')} is every machine's own` }
  const type = await typeOf(path)
  const memory = type === undefined ? undefined : ofThisMachine.get(type)
  if (memory) return { shared: 'no', why: `it is on ${memory}, which no other machine sees` }
  const disk = type === undefined ? undefined : disks.get(type)
  return disk
    ? { shared: 'maybe', why: `it is on a disk of this machine (${disk})` }
    : { shared: 'likely', why: 'it is on a network' }
}

async function typeOf(path: string): Promise<number | undefined> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await statfs(folder).catch(() => undefined)
    if (found) return found.type
    if (dirname(folder) === folder) return undefined
  }
}
