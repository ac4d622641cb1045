import type { TensorType } from '@qt/core'

/** One type that a tensor could get. */
export interface TypeOption {
  readonly type: TensorType
  readonly bytes: number
  /** What it loses; the sum over all tensors is to be small. */
  readonly cost: number
}

/** Choose one option for each tensor so that the sum of costs is least and the sum of bytes at most `budget`. */
export interface PlanningProblem {
  readonly tensors: readonly { readonly name: string; readonly options: readonly TypeOption[] }[]
  readonly budget: number
}

/** The index of the option of each tensor, or undefined when no choice fits. */
export type Planner = (problem: PlanningProblem) => readonly number[] | undefined | Promise<readonly number[] | undefined>
