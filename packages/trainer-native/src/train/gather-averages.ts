import type { NativeTrainer } from '../binding.js'

/** What a run ends with: where there are moving averages, they take the place of the trained numbers in process 0. */
export async function gatherAverages(trainer: NativeTrainer, rank: number): Promise<void> {
  for (const [index, { offset, state }] of trainer.tensors().entries()) {
    const average = state.findIndex(({ name }) => name === 'average')
    if (average < 0) continue
    const bytes = await trainer.gatherState(index, average)
    if (rank === 0) trainer.write('parameters', offset, new Float32Array(bytes.buffer))
  }
}
