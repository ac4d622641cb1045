import { diagnose } from './diagnose.js'
import type { Finding } from './finding.js'
import { type HardwareProfileOptions, hardwareProfile } from './hardware-profile.js'
import type { HardwareProfile } from './profile.js'

export interface DoctorReport {
  /** Everything that is needed is there; advice may remain. */
  readonly ok: boolean
  readonly time: string
  readonly findings: readonly Finding[]
  readonly profile: HardwareProfile
}

/**
 * Looks at this machine: what is fine, what is missing, and what to do about it.
 *
 * @example
 * ```ts
 * const { ok, findings } = await doctor()
 * for (const { check, status, found, why, actions } of findings) if (status !== 'fine') console.log(check, found, why, actions)
 * ```
 */
export async function doctor(options: HardwareProfileOptions = {}): Promise<DoctorReport> {
  const profile = await hardwareProfile(options)
  const findings = diagnose(profile)
  return { ok: findings.every(({ status }) => status !== 'missing'), time: new Date().toISOString(), findings, profile }
}
