// An entry of its own: it must load where the rest is not installed.
export { diagnose } from './diagnose.js'
export { type DoctorReport, doctor } from './doctor.js'
export type { Finding } from './finding.js'
export { type HardwareProfileOptions, hardwareProfile } from './hardware-profile.js'
export type { Gpu, HardwareProfile, NativePart } from './profile.js'
export { type ReportFormat, renderReport, verdictOf } from './render-report.js'
