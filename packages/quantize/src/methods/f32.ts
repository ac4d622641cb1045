import { blockMethod } from '../blocks.js'

/** float32, as it is: for those who want to see every digit of a model that is stored in fewer. */
export const f32 = blockMethod('F32', (values, from, out, to) => {
  new DataView(out.buffer, out.byteOffset).setFloat32(to, values[from]!, true)
})
