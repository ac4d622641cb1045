import { readFile } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { cgroupLimits } from './cgroup.js'
import type { HardwareProfile } from './profile.js'

/** MemAvailable of Linux's /proc/meminfo: what can be had without swapping, which is more than what lies unused. */
export function availableMemory(meminfo: string): number | undefined {
  const kibibytes = /^MemAvailable:\s*(\d+) kB$/m.exec(meminfo)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}

export async function memory(): Promise<HardwareProfile['memory']> {
  const info = process.platform === 'linux' ? await readFile('/proc/meminfo', 'utf8').catch(() => '') : ''
  const limit = (await cgroupLimits()).memory
  const [total, free] = [totalmem(), availableMemory(info) ?? freemem()]
  return limit === undefined || limit >= total ? { total, free } : { total, free: Math.min(free, limit), limit }
}
