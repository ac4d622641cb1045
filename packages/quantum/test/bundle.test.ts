import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

/** As an application would: one file, run where there is what a page has and no Node. */
async function bundled(code: string): Promise<unknown> {
  const { outputFiles, warnings } = await build({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'page',
    platform: 'browser',
    define: { 'import.meta.url': '"https://example.com/page.js"' },
    logLevel: 'silent',
  })
  expect(warnings.map(({ text }) => text)).toEqual([])
  const page = createContext({ performance, setTimeout, clearTimeout, atob, TextDecoder, TextEncoder, AbortController })
  return structuredClone(await runInContext(`${outputFiles[0]!.text}; page.answer`, page))
}

test('decisions bundle for a page and decide there', async () => {
  const answer = await bundled(`
    import { placeAdapters } from '../src/decisions.js'
    const site = (name: string, ...gains: number[]) => ({ name, inputs: 64, outputs: 64, gains })
    const options = { parameters: 256, ranks: [1, 2], time: 0.3, overlaps: [{ between: ['q', 'v'] as const, share: 0.5 }] }
    export const answer = placeAdapters([site('q', 4, 1), site('v', 9, 5)], options)
      .then(({ ranks, decision }) => ({ ranks: [...ranks], ways: decision.outcomes.map(({ method }) => method) }))
  `)
  expect(answer).toEqual({ ranks: [['v', 2]], ways: expect.arrayContaining(['qubo', 'greedy', 'exact']) })
})

test('solving bundles for a page, and takes WebAssembly there', async () => {
  const answer = await bundled(`
    import { quadraticModel, solve } from '../src/index.js'
    const options = { solver: 'simulated-annealing', sweeps: 20 } as const
    export const answer = solve(quadraticModel({ linear: [1, -2], couplings: [[0, 1, -3]] }), options)
      .then(({ energy, engine }) => ({ energy, engine }))
  `)
  expect(answer).toEqual({ energy: -4, engine: 'wasm' })
})
