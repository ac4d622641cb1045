import type { Sandbox } from '@qt/sandbox'
import type { Io } from '../io.js'
import { need } from '../need.js'

/** Flags of verbs that run what a model wrote. */
export const sandboxFlags = {
  unsandboxed: { type: 'boolean', description: 'Run what the model wrote with all your rights. Only where nothing can be lost.' },
} as const

/** Where programs of models run; says how it keeps them in. */
export async function codeSandbox({ unsandboxed }: { readonly unsandboxed: boolean | undefined }, io: Io): Promise<Sandbox> {
  const { openSandbox } = await need('@qt/sandbox', () => import('@qt/sandbox'))
  const sandbox = await openSandbox(unsandboxed ? { mechanism: 'none' } : {})
  const { kind, version, notes } = sandbox.mechanism
  io.note(`programs run ${kind === 'none' ? 'without a sandbox' : `in ${kind} ${version}`}\n`)
  for (const note of notes) io.note(`warning: ${note}\n`)
  return sandbox
}
