/** A list with room for `size` numbers: itself, or a copy with half as much room again, so that adding one by one stays linear. */
export function grown<T extends Int32Array | Uint32Array | Float64Array | Float32Array | Uint8Array>(list: T, size: number): T
export function grown(
  list: Int32Array | Uint32Array | Float64Array | Float32Array | Uint8Array,
  size: number,
): Int32Array | Uint32Array | Float64Array | Float32Array | Uint8Array {
  if (size <= list.length) return list
  const room = Math.max(size, Math.ceil(1.5 * list.length))
  const larger =
    list instanceof Int32Array
      ? new Int32Array(room)
      : list instanceof Uint32Array
        ? new Uint32Array(room)
        : list instanceof Float64Array
          ? new Float64Array(room)
          : list instanceof Float32Array
            ? new Float32Array(room)
            : new Uint8Array(room)
  larger.set(list)
  return larger
}
