import { checkGpu } from './check-gpu.js'
import { checkDisk, checkMemory, checkProcessor, checkSystem } from './check-machine.js'
import { checkEngine, checkNode, checkNpm, checkQuantizer, checkTools } from './check-software.js'
import type { Finding } from './finding.js'
import type { HardwareProfile } from './profile.js'

const checks = [
  ...[checkSystem, checkNode, checkNpm, checkEngine, checkQuantizer, checkTools],
  ...[checkProcessor, checkMemory, checkDisk, checkGpu],
]

/** What a profile means: one finding for everything that was looked at. */
export const diagnose = (profile: HardwareProfile): Finding[] => checks.map((check) => check(profile))
