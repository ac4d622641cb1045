const f = Math.fround

/** Σwxl and Σwl², summed in order in float32. Their quotient is the scale that fits the levels l best. */
export interface Moments {
  readonly lx: number
  readonly l2: number
}

export const add = ({ lx, l2 }: Moments, w: number, x: number, l: number): Moments => ({
  lx: f(lx + f(f(w * x) * l)),
  l2: f(l2 + f(f(w * l) * l)),
})

export const remove = ({ lx, l2 }: Moments, w: number, x: number, l: number): Moments => ({
  lx: f(lx - f(f(w * x) * l)),
  l2: f(l2 - f(f(w * l) * l)),
})

export const none: Moments = { lx: 0, l2: 0 }

/** Does `next` explain more of Σwx² than `sum`, (Σwxl)²/Σwl² compared without division? */
export const explainsMore = (next: Moments, sum: Moments): boolean =>
  f(f(next.lx * next.lx) * sum.l2) > f(f(sum.lx * sum.lx) * next.l2)

export const scaleOf = ({ lx, l2 }: Moments): number => (l2 > 0 ? f(lx / l2) : 0)
