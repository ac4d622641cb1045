"""Writes include/qt/blocks/codebooks.hpp and src/blocks/codebooks.ts from gguf-py's tables: python tools/make_codebooks.py

Each grid point is 8 (or 4) indices into a short list of values, packed into 16 bits, lowest first.
"""
import base64
import struct
from pathlib import Path

from gguf import quants

HEADER = '''// Codebooks of the IQ types, part of the formats. Made by tools/make_codebooks.py from gguf-py (MIT licence,
// (c) 2023 Georgi Gerganov; see THIRD_PARTY_NOTICES). Each point is `Width` indices of `16 / Width` bits into `values`, lowest first.
#pragma once

#include "types.hpp"

namespace qt {

template <int Points, int Width>
struct Codebook {
    std::int8_t at[Points][Width];
};

template <int Points, int Width>
static constexpr Codebook<Points, Width> unpackCodebook(const std::uint16_t (&packed)[Points], const std::int8_t* values) {
    Codebook<Points, Width> book{};
    for (int i = 0; i < Points; i++)
        for (int j = 0; j < Width; j++) book.at[i][j] = values[packed[i] >> (j * 16 / Width) & ((1 << 16 / Width) - 1)];
    return book;
}
'''

def rows(numbers, form, per_line):
    texts = [form.format(n) for n in numbers]
    return ',\n'.join('    ' + ', '.join(texts[i:i + per_line]) for i in range(0, len(texts), per_line))

def book(name, cls):
    points, width = cls.grid_shape
    bits = 16 // width
    cls.init_grid()
    values = [int(v) for v in cls.grid_map]
    # ⌈log2⌉ of three values is two bits, of eight three bits: both lists are padded to the index range.
    listed = values + [0] * ((1 << bits) - len(values))
    # The points of IQ1 are moved by ± 1/8: as eighths plus 8 they stay small positive integers.
    stored = [8 * v + 8 for v in listed[:3]] + [0] if name == 'iq1s' else listed
    packed = [sum(values.index(int(v)) << (j * bits) for j, v in enumerate(row)) for row in cls.grid.reshape(points, width)]
    return (f'\nstatic constexpr std::int8_t {name}Values[{len(listed)}] = {{{", ".join(map(str, stored))}}};\n'
            f'static constexpr std::uint16_t {name}Packed[{points}] = {{\n{rows(packed, "0x{:04x}", 16)}}};\n'
            f'static constexpr auto {name}Grid = unpackCodebook<{points}, {width}>({name}Packed, {name}Values);\n')

signs = list(quants.IQ2_XXS.ksigns)
assert len(signs) == 128
text = HEADER + (
    '\n// Seven stored sign bits and the eighth that makes their number even.\n'
    f'static constexpr std::uint8_t evenSigns[128] = {{\n{rows(signs, "0x{:02x}", 20)}}};\n'
)
for name, cls in [('iq2xxs', quants.IQ2_XXS), ('iq2xs', quants.IQ2_XS), ('iq2s', quants.IQ2_S),
                  ('iq3xxs', quants.IQ3_XXS), ('iq3s', quants.IQ3_S), ('iq1s', quants.IQ1_S)]:
    text += book(name, cls)
text += '\n}  // namespace qt\n'
(Path(__file__).parent.parent / 'include/qt/blocks/codebooks.hpp').write_text(text)

TS_HEADER = '''// Codebooks of the IQ types, part of the formats. Made by native/tools/make_codebooks.py from gguf-py (MIT licence,
// (c) 2023 Georgi Gerganov; see THIRD_PARTY_NOTICES). Points are 16 bits of levels each, lowest first, in base64.

/** The points that 4 or 8 values together can be: a level for each value, and what levels stand for. */
export interface Codebook {
  readonly points: number
  /** Values of a point. */
  readonly width: number
  readonly values: readonly number[]
  level(point: number, index: number): number
}

function codebook(width: number, values: readonly number[], packed: string): Codebook {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0))
  const bits = 16 / width
  const level = (point: number, i: number) => ((bytes[2 * point]! | (bytes[2 * point + 1]! << 8)) >> (bits * i)) & ((1 << bits) - 1)
  return { points: bytes.length / 2, width, values, level }
}

/** Seven stored signs and the eighth that makes their number even. */
export function evenSigns(stored: number): number {
  let parity = stored & 127
  for (const shift of [4, 2, 1]) parity ^= parity >> shift
  return (stored & 127) | ((parity & 1) << 7)
}
'''

def ts_book(name, cls):
    points, width = cls.grid_shape
    values = [int(v) for v in cls.grid_map]
    packed = [sum(values.index(int(v)) << (j * (16 // width)) for j, v in enumerate(row)) for row in cls.grid.reshape(points, width)]
    text = base64.b64encode(struct.pack(f'<{points}H', *packed)).decode()
    lines = ' +\n'.join(f"    '{text[i:i + 116]}'" for i in range(0, len(text), 116))
    return f'\nexport const {name} = codebook(\n  {width},\n  {values},\n{lines},\n)\n'

text = TS_HEADER
for name, cls in [('gridIQ2_XXS', quants.IQ2_XXS), ('gridIQ2_XS', quants.IQ2_XS), ('gridIQ2_S', quants.IQ2_S),
                  ('gridIQ3_XXS', quants.IQ3_XXS), ('gridIQ3_S', quants.IQ3_S), ('gridIQ1', quants.IQ1_S)]:
    text += ts_book(name, cls)
(Path(__file__).parent.parent.parent / 'src/blocks/codebooks.ts').write_text(text)
