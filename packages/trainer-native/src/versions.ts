import { createRequire } from 'node:module'
import { binding, forcedKernels } from './binding.js'

const { version }: { version: string } = createRequire(import.meta.url)('../package.json')

/** What a run was made with. */
export const versions = (): Record<string, string> => ({
  qt: version,
  node: process.version,
  kernels: forcedKernels() ?? binding().availableKernels()[0] ?? 'none',
})
