export { defaultLimits } from './limits.js'
export type { Mechanism, MechanismKind } from './mechanism.js'
export { openSandbox, type Sandbox, type SandboxOptions } from './open-sandbox.js'
