"""Writes test/malformed (every file must be refused) and test/wellformed (every file must be read).

python test/make_malformed.py; needs nothing but Python. Inputs the fuzzer once broke on are kept beside them as
regression-*.gguf and are not made here.
"""
import struct
from pathlib import Path

here = Path(__file__).parent

def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('<Q', len(data)) + data

def value(key, kind, raw):
    return string(key) + struct.pack('<I', kind) + raw

def tensor(name, shape, kind, offset):
    return string(name) + struct.pack('<I', len(shape)) + b''.join(struct.pack('<Q', n) for n in shape) + struct.pack('<IQ', kind, offset)

def file(values=(), tensors=(), data=b'', magic=b'GGUF', version=3, counts=None, alignment=32):
    counts = counts or (len(tensors), len(values))
    head = magic + struct.pack('<IQQ', version, *counts) + b''.join(values) + b''.join(tensors)
    return head + b'\0' * (-len(head) % alignment) + data

u32 = lambda n: struct.pack('<I', n)
u64 = lambda n: struct.pack('<Q', n)
UINT32, STRING, ARRAY = 4, 8, 9
arch = value('general.architecture', STRING, string('llama'))
F32, Q4_0, Q4_K = 0, 2, 12
MAX = 2**64 - 1

# id: (elements, bytes) of a block
TYPES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36), 10: (256, 84), 11: (256, 110),
         12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50),
         20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
         29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36)}
def every_type():
    tensors, data = [], b''
    for kind, (size, width) in TYPES.items():
        tensors.append(tensor(f't{kind}', [size], kind, len(data)))
        data += bytes((7 * i + kind) % 256 for i in range(width))
        data += bytes(-len(data) % 32)
    return file([], tensors, data)

plain = file([arch], [tensor('t', [32, 2], Q4_0, 0)], bytes(36))
well = {
    'empty': file(),
    'plain': plain,
    'version-2': file([arch], [tensor('t', [4], F32, 0)], bytes(16), version=2),
    'alignment-64': file([value('general.alignment', UINT32, u32(64))], [tensor('t', [4], F32, 0)], bytes(16), alignment=64),
    'no-elements': file([], [tensor('t', [32, 0], Q4_0, 0)]),
    'no-dimensions': file([], [tensor('t', [], F32, 0)], bytes(4)),
    'nested-arrays': file([value('a', ARRAY, u32(ARRAY) + u64(2) + (u32(STRING) + u64(1) + string('x')) + (u32(0) + u64(3) + b'abc'))]),
    'every-number': file([value(f'v{kind}', kind, bytes(width)) for kind, width in
                          [(0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4), (7, 1), (10, 8), (11, 8), (12, 8)]]),
    'every-type': every_type(),
    'integers': file([], [tensor('i', [3], 26, 0)], bytes(12)),
}
deep = b''.join(u32(ARRAY) + u64(1) for _ in range(64)) + u32(0) + u64(0)
bad = {
    'no-bytes': b'',
    'magic-short': b'GGU',
    'magic-wrong': file(magic=b'GGML'),
    'version-missing': b'GGUF',
    'version-1': file(version=1),
    'version-4': file(version=4),
    'version-big-endian': b'GGUF' + struct.pack('>IQQ', 3, 0, 0),
    'counts-missing': b'GGUF' + u32(3),
    'tensors-huge': file(counts=(MAX, 0)),
    'tensors-more-than-file': file(counts=(1000, 0)),
    'values-huge': file(counts=(0, MAX)),
    'values-more-than-file': file([arch], counts=(0, 2)),
    'key-huge': file([u64(MAX)], counts=(0, 1), data=bytes(64)),
    'key-overflow': file([u64(2**63)], counts=(0, 1), data=bytes(64)),
    'value-type-13': file([value('k', 13, bytes(8))]),
    'value-type-huge': file([value('k', 0xFFFFFFFF, bytes(8))]),
    'value-cut': file([arch])[:40],
    'string-beyond-end': file([value('k', STRING, u64(1000) + b'abc')]),
    'array-huge': file([value('k', ARRAY, u32(UINT32) + u64(2**62))]),
    'array-overflow': file([value('k', ARRAY, u32(12) + u64(2**61 + 1))]),
    'array-of-strings-huge': file([value('k', ARRAY, u32(STRING) + u64(2**40))]),
    'array-of-strings-cut': file([value('k', ARRAY, u32(STRING) + u64(3) + string('a'))]),
    'array-deep': file([value('k', ARRAY, deep)]),
    'array-element-type': file([value('k', ARRAY, u32(77) + u64(1) + bytes(8))]),
    'key-twice': file([arch, arch]),
    'alignment-0': file([value('general.alignment', UINT32, u32(0))]),
    'alignment-3': file([value('general.alignment', UINT32, u32(3))]),
    'alignment-4': file([value('general.alignment', UINT32, u32(4))]),
    'alignment-string': file([value('general.alignment', STRING, string('32'))]),
    'tensor-cut': file([arch], [tensor('t', [32, 2], Q4_0, 0)])[:90],
    'tensor-name-huge': file([], [u64(MAX) + bytes(24)], counts=(1, 0)),
    'tensor-dimensions-5': file([], [tensor('t', [1] * 5, F32, 0)], bytes(4)),
    'tensor-dimensions-huge': file([], [string('t') + u32(0xFFFFFFFF) + bytes(64)], counts=(1, 0)),
    'tensor-type-4': file([], [tensor('t', [32], 4, 0)], bytes(64)),
    'tensor-type-huge': file([], [tensor('t', [32], 0x80000001, 0)], bytes(64)),
    'tensor-row-of-part-blocks': file([], [tensor('t', [33], Q4_0, 0)], bytes(64)),
    'tensor-row-of-part-superblocks': file([], [tensor('t', [576, 4], Q4_K, 0)], bytes(2048)),
    'tensor-shape-overflow': file([], [tensor('t', [2**32, 2**32, 2**32, 2], F32, 0)], bytes(64)),
    'tensor-shape-wraps-to-0': file([], [tensor('t', [2**32, 2**32], Q4_0, 0)], bytes(64)),
    'tensor-bytes-overflow': file([], [tensor('t', [2**62], F32, 0)], bytes(64)),
    'tensor-beyond-end': file([], [tensor('t', [32, 3], Q4_0, 0)], bytes(36)),
    'tensor-offset-beyond-end': file([], [tensor('t', [4], F32, 4096)], bytes(16)),
    'tensor-offset-huge': file([], [tensor('t', [4], F32, MAX - 31)], bytes(16)),
    'tensor-offset-odd': file([], [tensor('t', [4], F32, 8)], bytes(64)),
    'tensor-twice': file([], [tensor('t', [4], F32, 0)] * 2, bytes(16)),
    'data-missing': plain[:-36],
}
for folder, files in [('malformed', bad), ('wellformed', well)]:
    (here / folder).mkdir(exist_ok=True)
    for name, data in files.items():
        (here / folder / f'{name}.gguf').write_bytes(data)
