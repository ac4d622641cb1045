/** Scale and offset of one of eight parts, six bits each, from twelve bytes: the layout of Q4_K and Q5_K. */
export function sixBitScale(view: DataView, at: number, part: number): { scale: number; offset: number } {
  if (part < 4) return { scale: view.getUint8(at + part) & 63, offset: view.getUint8(at + part + 4) & 63 }
  const low = view.getUint8(at + part + 4)
  return {
    scale: (low & 15) | ((view.getUint8(at + part - 4) >> 6) << 4),
    offset: (low >> 4) | ((view.getUint8(at + part) >> 6) << 4),
  }
}
