import { usageError } from '@qt/core'

/** The angles of QAOA: one γ (cost) and one β (mixer) for each layer. */
export interface Angles {
  readonly gammas: readonly number[]
  readonly betas: readonly number[]
}

/** Angles that were given by hand: as many of one kind as of the other, and numbers all of them. */
export function checkAngles({ gammas, betas }: Angles): void {
  if (gammas.length > 0 && gammas.length === betas.length && [...gammas, ...betas].every(Number.isFinite)) return
  throw usageError('QUBO_OPTION', `${gammas.length} gammas and ${betas.length} betas are no angles of layers.`, {
    where: { field: 'angles' },
    actions: ['Give one finite gamma and one finite beta for each layer.'],
  })
}
