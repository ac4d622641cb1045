import { defineConfig, type Options } from 'tsup'

/** One build for every package: ES modules for Node 20, types beside them. */
export const library = (entry: string[], more: Options = {}) =>
  defineConfig({
    entry,
    format: 'esm',
    target: 'node20',
    dts: true,
    clean: true,
    sourcemap: true,
    splitting: true,
    removeNodeProtocol: false,
    ...more,
  })
