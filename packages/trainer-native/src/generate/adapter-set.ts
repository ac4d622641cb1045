import { projections, usageError } from '@qt/core'
import type { Adapter, SavedModule } from '@qt/weights'
import type { AdapterSet, AppliedAdapter } from '../binding.js'

/** Adapters read from folders, as a session takes them. */
export const adapterSet = (adapters: readonly Adapter[], paths: readonly string[]): AdapterSet => ({
  modules: adapters.flatMap(applied),
  ...matricesOf(adapters, paths),
})

function applied(adapter: Adapter): AppliedAdapter[] {
  return [...adapter.modules].map(([name, { a, b, rank, scale, magnitude }]) => {
    const [, layer, part] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name)!
    const projection = (projections as readonly string[]).indexOf(part ?? '')
    return { layer: Number(layer), projection, rank, scale, a, b, ...(magnitude && { magnitude }) }
  })
}

/** The embedding and the output that one of the adapters brings whole; two of them cannot both be in the model's place. */
function matricesOf(adapters: readonly Adapter[], paths: readonly string[]): Pick<AdapterSet, 'embedding' | 'output'> {
  const of = (name: SavedModule) => {
    const found = adapters.flatMap(({ saved }, i) => (saved?.has(name) ? [{ values: saved.get(name)!, path: paths[i]! }] : []))
    if (found.length > 1)
      throw usageError('ADAPTER_UNSUPPORTED', `${found[0]!.path} and ${found[1]!.path} both bring a whole ${name}.`, {
        where: { file: found[1]!.path, field: 'modules_to_save' },
        actions: ['Merge one of them into the base first: qt merge --base BASE --adapter ADAPTER --out merged.gguf.'],
      })
    return found[0]?.values
  }
  const [embedding, output] = [of('token_embd.weight'), of('output.weight')]
  return { ...(embedding && { embedding }), ...(output && { output }) }
}
