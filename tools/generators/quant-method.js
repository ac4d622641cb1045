// Nx loads JavaScript only; what it runs is TypeScript.
import { tsImport } from 'tsx/esm/api'

export default async function (tree, options) {
  const { quantMethod } = await tsImport('../src/generators/quant-method.ts', import.meta.url)
  try {
    quantMethod(tree, options)
  } catch (cause) {
    // Of an error Nx shows the message only.
    throw new Error([cause.message, ...(cause.actions ?? []).map(({ label }) => `  → ${label}`)].join('\n'), { cause })
  }
}
