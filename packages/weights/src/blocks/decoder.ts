/** Decodes `count` blocks that start at `at` into `out` from `to`. */
export type BlockDecoder = (view: DataView, at: number, count: number, out: Float32Array, to: number) => void
