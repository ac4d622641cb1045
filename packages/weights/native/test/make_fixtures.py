"""Writes test/fixtures from gguf-py, and of types it does not decode from llama.cpp (pip install gguf numpy llama-cpp-python):
python test/make_fixtures.py

TYPE.bin holds a few random blocks and then the float32 values they mean; digests.txt holds, for the 512 blocks that
follow in the same random sequence, the CRC-32 of their values, so that codebooks are covered whole.
"""
import ctypes
import zlib
from pathlib import Path
from types import SimpleNamespace

import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES, quants

# Offsets of float16 scales: bit 14 is cleared there, which keeps them finite. (In IQ1_M the scale's top nibble lies there.)
SCALES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0], T.Q8_1: [0, 2], T.Q2_K: [80, 82], T.Q3_K: [108],
    T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208], T.Q8_K: [2], T.IQ2_XXS: [0], T.IQ2_XS: [0], T.IQ2_S: [0], T.IQ3_XXS: [0],
    T.IQ3_S: [0], T.IQ1_S: [0], T.IQ1_M: [54], T.IQ4_NL: [0], T.IQ4_XS: [0], T.TQ1_0: [52], T.TQ2_0: [64], T.MXFP4: [],
    T.NVFP4: [], T.F16: [0], T.BF16: [0],
}
# Types that gguf-py knows by their sizes at most: id, values and bytes of a block.
NEWER = {'Q1_0': (41, 128, 18), 'Q2_0': (42, 64, 18)}
ggml = ctypes.CDLL(str(next(Path(llama_cpp.__file__).parent.glob('lib/libggml-base.*'))))

def splitmix64(seed, count):
    """https://prng.di.unimi.it/splitmix64.c, by counter"""
    with np.errstate(over='ignore'):
        z = np.uint64(seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

def decode(blocks, kind):
    # gguf-py has no decoder of the two types that only hold activations; both are d·q.
    if kind == T.Q8_1:
        return blocks[:, :2].copy().view(np.float16).astype(np.float32) * blocks[:, 4:].view(np.int8).astype(np.float32)
    if kind == T.Q8_K:
        return blocks[:, :4].copy().view(np.float32) * blocks[:, 4:260].view(np.int8).astype(np.float32)
    if kind.name in NEWER:
        values = np.empty((len(blocks), NEWER[kind.name][1]), dtype=np.float32)
        pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)
        getattr(ggml, f'dequantize_row_{kind.name.lower()}')(pointer(blocks), pointer(values), ctypes.c_int64(values.size))
        return values
    return quants.dequantize(blocks, kind)

here = Path(__file__).parent / 'fixtures'
here.mkdir(exist_ok=True)
lines = []
KINDS = [(kind, *GGML_QUANT_SIZES[kind], scales) for kind, scales in SCALES.items()]
KINDS += [(SimpleNamespace(name=name, value=value), size, width, [0]) for name, (value, size, width) in NEWER.items()]
for kind, size, width, scales in KINDS:
    if kind == T.Q8_1:
        width = 36  # two float16, as ggml-common.h has it
    kept = {256: 2, 128: 4, 64: 8, 32: 8, 1: 64}[size]
    count = kept + 512
    data = splitmix64(kind.value, (count * width + 7) // 8).view(np.uint8)[:count * width].reshape(count, width).copy()
    for offset in scales:
        data[:, offset + 1] &= 0xBF
    with np.errstate(over='ignore'):
        values = decode(data, kind).astype(np.float32).reshape(count, size)
    assert np.isfinite(values).all() or kind == T.MXFP4  # its scale reaches 2^127
    (here / f'{kind.name}.bin').write_bytes(data[:kept].tobytes() + values[:kept].tobytes())
    lines.append(f'{kind.name} {kind.value} {" ".join(["%08x" % zlib.crc32(values[kept:].tobytes()), *map(str, scales)])}')
(here / 'digests.txt').write_text('\n'.join(lines) + '\n')
