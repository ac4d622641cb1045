// MinHash signatures for WebAssembly, sixteen permutations at once. It gives what src/near-duplicates/min-hash.ts gives in JavaScript;
// a test holds the two equal. src/near-duplicates/wasm-signer.ts lays out the memory.
typedef unsigned int u32;
typedef int i32;
typedef i32 i32x4 __attribute__((vector_size(16)));
typedef u32 u32x4 __attribute__((vector_size(16)));

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

constexpr u32 vectors = 4;

/**
 * Lowers out[k] to the smallest a[k]·hash + b[k] of the hashes; `groups` of sixteen permutations. Called again with the next hashes of a
 * set that has more than there is room for.
 */
EXPORT(sign) void sign(const u32 *hashes, u32 count, const u32x4 *a, const u32x4 *b, i32x4 *out, u32 groups) {
  for (u32 group = 0; group < groups; group++, a += vectors, b += vectors, out += vectors) {
    i32x4 smallest[vectors];
    for (u32 v = 0; v < vectors; v++) smallest[v] = out[v];
    for (u32 i = 0; i < count; i++) {
      const u32 hash = hashes[i];
      const u32x4 all = {hash, hash, hash, hash};
      for (u32 v = 0; v < vectors; v++) smallest[v] = __builtin_elementwise_min(smallest[v], (i32x4)(a[v] * all + b[v]));
    }
    for (u32 v = 0; v < vectors; v++) out[v] = smallest[v];
  }
}
