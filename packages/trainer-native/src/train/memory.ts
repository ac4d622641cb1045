import { totalmem } from 'node:os'
import { binding } from '../binding.js'
import { gpuPlace, processesOn } from '../gpu.js'

/** Memory of the machine, or of the group that the process may use, and what is free of it; of a GPU, where a run is on one. */
export interface Memory {
  readonly all: number
  readonly free: number
  /** What is free of the machine's beside a GPU's. */
  readonly beside?: number
}

/** Of the GPU that a run asks for everything is needed at once: nothing there is mapped. Processes that share one each take their part. */
export function memoryFor(device: string, localSize: number): Memory {
  const place = gpuPlace(device)
  if (!place) return memoryHere(localSize)
  const { library, index, devices } = place
  const free = binding().freeGpuMemory(library, index) / processesOn(device, index, { localSize, devices })
  return { all: free, free, beside: memoryHere(localSize).free }
}

const memoryHere = (localSize: number): Memory => {
  const limit = process.constrainedMemory()
  const all = limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  return { all, free: Math.min(all, process.availableMemory()) / localSize }
}
