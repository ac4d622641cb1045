// Nx loads JavaScript only; what it runs is TypeScript.
import { tsImport } from 'tsx/esm/api'

export default async function (tree, options) {
  const { quantMethod } = await tsImport('../src/generators/quant-method.ts', import.meta.url)
  quantMethod(tree, options)
}
