import { join } from 'node:path'
import { readSafetensors } from '@qt/weights'

async function tensors(folder: string): Promise<Map<string, Float32Array>> {
  const file = await readSafetensors(join(folder, 'adapter_model.safetensors'))
  const found = new Map<string, Float32Array>()
  for (const [name, { dtype }] of file.tensors) {
    if (dtype !== 'F32') throw new Error(`${name} of ${folder} is ${dtype}`)
    found.set(name, new Float32Array((await file.read(name)).buffer))
  }
  return found
}

/** Cosine between two changes of an adapter, over all of its numbers; 1 when both trainers did the same. */
export async function changeCosine(initial: string, ours: string, theirs: string): Promise<number> {
  const [start, a, b] = await Promise.all([tensors(initial), tensors(ours), tensors(theirs)])
  if ([...a.keys()].sort().join() !== [...b.keys()].sort().join()) throw new Error('The adapters have different tensors.')
  let [dot, ownLength, otherLength] = [0, 0, 0]
  for (const [name, before] of start) {
    const [left, right] = [a.get(name)!, b.get(name)!]
    if (left.length !== before.length || right.length !== before.length) throw new Error(`${name} has another size`)
    for (let i = 0; i < before.length; i++) {
      const own = left[i]! - before[i]!
      const other = right[i]! - before[i]!
      dot += own * other
      ownLength += own * own
      otherLength += other * other
    }
  }
  return dot / Math.sqrt(ownLength * otherLength)
}
