// Byte-pair encoding of UTF-8 for WebAssembly: cuts a text into words, looks them up in a cache and merges the unknown ones.
// It gives the ids that src/scanners.ts and src/models/bpe.ts give; a test holds the two equal.
// One instance serves one tokenizer; whoever loads it lays out the memory (src/wasm/byte-encoder.ts).
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

namespace {

// Bits of src/unicode.ts; `word` of the settings has those of letters, and of marks where they count as such.
constexpr u32 letter = 1, number = 2, space = 4;
constexpr u32 mostBytes = 64;
/** How far past its end a word may depend on what follows, runs of white space apart: `'ll`, one character. */
constexpr u32 ahead = 4;
constexpr u32 unsure = 0xffffffff;

struct Pair {
  u32 left, right, rank, result;
};
constexpr u32 noPair = 0xffffffff;

/** Words of up to 16 bytes with up to three ids: two of them fill a line of the processor's cache. */
struct Short {
  u64 low, high;
  u32 sizes;
  u32 ids[3];
};
struct Long {
  u8 bytes[mostBytes];
  u32 sizes;
  u32 ids[15];
};

/** A token by its bytes, which lie at `name`; of no length: none. */
struct Whole {
  const u8 *name;
  u32 length;
  u32 tag;
  u32 id;
};

/** As byte-encoder.ts writes it. */
struct Settings {
  const u8 *classes;
  const i32 *byteIds;
  Pair *pairs;
  u32 pairMask;
  Short *shorts;
  u32 shortShift;
  Long *longs;
  u32 longShift;
  const u8 *text;
  u32 *ids;
  /** 0: the pattern of GPT-2; otherwise that of Llama 3 with this many digits together. */
  u32 digits;
  u32 word;
  u32 contractions;
  /** Words that are tokens whatever the merges say; null: the merges say. */
  Whole *wholes;
  u32 wholeMask;
  /** A bit for each hash of a pair that merges: most pairs do not, and are not looked for. */
  u8 *mergeable;
  u32 mergeableMask;
  /** Answers: ids written, and where a word ends that is left to the caller, 0 if none. */
  u32 count;
  u32 leftEnd;
};

// What byte-encoder.ts reckons with.
static_assert(sizeof(Settings) == 19 * 4 && sizeof(Pair) == 16 && sizeof(Whole) == 16 && sizeof(Short) == 32 && sizeof(Long) == 128);

u64 load64(const u8 *from) {
  u64 value;
  __builtin_memcpy(&value, from, 8);
  return value;
}

u32 pointAt(const u8 *text, u32 i, u32 &size) {
  const u32 a = text[i];
  if (a < 0x80) {
    size = 1;
    return a;
  }
  if (a < 0xe0) {
    size = 2;
    return (a & 31) << 6 | (text[i + 1] & 63);
  }
  if (a < 0xf0) {
    size = 3;
    return (a & 15) << 12 | (text[i + 1] & 63) << 6 | (text[i + 2] & 63);
  }
  size = 4;
  return (a & 7) << 18 | (text[i + 1] & 63) << 12 | (text[i + 2] & 63) << 6 | (text[i + 3] & 63);
}

/** The end of the run from `i` of characters that have one of the bits, or none of them. */
template <bool wanted> u32 runEnd(const u8 *classes, const u8 *text, u32 i, u32 to, u32 bits) {
  while (i < to) {
    u32 size = 1;
    const u32 a = text[i];
    const u32 kind = classes[a < 0x80 ? a : pointAt(text, i, size)];
    if (((kind & bits) != 0) != wanted) break;
    i += size;
  }
  return i;
}

/** Bytes of an English contraction ('s, 't, 'm, 'd, 're, 've, 'll) with its apostrophe at `i`, or 0. */
u32 contraction(const u8 *text, u32 i, u32 to, bool anyCase) {
  if (i + 1 >= to) return 0;
  // U+017F is an s in any case.
  if (anyCase && i + 2 < to && text[i + 1] == 0xc5 && text[i + 2] == 0xbf) return 3;
  const u32 fold = anyCase ? 0x20 : 0;
  const u32 a = text[i + 1] < 0x80 ? text[i + 1] | fold : 0;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (i + 2 >= to) return 0;
  const u32 b = text[i + 2] < 0x80 ? text[i + 2] | fold : 0;
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

u32 gpt2End(const Settings &s, u32 i, u32 to, bool last) {
  const u8 *text = s.text;
  if (text[i] == '\'') {
    const u32 length = contraction(text, i, to, false);
    if (length > 0) return i + length;
  }
  const u32 body = text[i] == ' ' && i + 1 < to ? i + 1 : i;
  u32 size;
  const u32 kind = s.classes[pointAt(text, body, size)];
  if (kind & letter) return runEnd<true>(s.classes, text, body, to, letter);
  if (kind & number) return runEnd<true>(s.classes, text, body, to, number);
  if (!(kind & space)) return runEnd<false>(s.classes, text, body, to, letter | number | space);
  u32 end = i, before = i;
  while (end < to) {
    const u32 point = pointAt(text, end, size);
    if (!(s.classes[point] & space)) break;
    before = end;
    end += size;
  }
  if (end == to) return last ? end : unsure;
  // \s+(?!\S) leaves the last space to the word after it.
  return before > i ? before : end;
}

u32 llama3End(const Settings &s, u32 i, u32 to, bool last) {
  const u8 *text = s.text, *classes = s.classes;
  u32 size;
  const u32 kind = classes[pointAt(text, i, size)];
  const u32 next = i + size;
  if (kind & s.word) return runEnd<true>(classes, text, next, to, s.word);
  if (kind & number) {
    u32 end = next;
    for (u32 taken = 1; taken < s.digits && end < to; taken++) {
      if (!(classes[pointAt(text, end, size)] & number)) break;
      end += size;
    }
    return end;
  }
  if (text[i] == '\'' && s.contractions) {
    const u32 length = contraction(text, i, to, true);
    if (length > 0) return i + length;
  }
  if (text[i] != '\n' && text[i] != '\r') {
    const u32 end = runEnd<true>(classes, text, next, to, s.word);
    if (end > next) return end;
  }
  const u32 body = text[i] == ' ' ? next : i;
  if (body < to) {
    u32 end = runEnd<false>(classes, text, body, to, space | s.word | number);
    if (end > body) {
      while (end < to && (text[end] == '\n' || text[end] == '\r')) end++;
      return end;
    }
  }
  // \s*[\r\n]+|\s+(?!\S)|\s+
  u32 end = i, before = i, line = 0;
  while (end < to) {
    const u32 point = pointAt(text, end, size);
    if (!(classes[point] & space)) break;
    before = end;
    end += size;
    if (point == '\n' || point == '\r') line = end;
  }
  if (end == to && !last) return unsure;
  if (line > 0) return line;
  return end < to && before > i ? before : end;
}

u32 hashOf(u32 left, u32 right) {
  const u32 hash = left * 0x9e3779b1u ^ right * 0x85ebca6bu;
  return hash ^ hash >> 15;
}

u32 slotOf(const Settings &s, u32 hash, u32 left, u32 right) {
  u32 slot = hash & s.pairMask;
  while (s.pairs[slot].rank != noPair && (s.pairs[slot].left != left || s.pairs[slot].right != right)) slot = (slot + 1) & s.pairMask;
  return slot;
}

/** The pair of lowest rank first, of equal ranks the leftmost, until none is left. Returns the number of ids. */
u32 merge(const Settings &s, const u8 *word, u32 length, u32 *out) {
  u32 symbols[mostBytes + 1], ranks[mostBytes + 1], results[mostBytes + 1];
  u32 n = 0;
  for (u32 i = 0; i < length; i++) {
    const i32 id = s.byteIds[word[i]];
    if (id >= 0) symbols[n++] = id;
  }
  const auto look = [&](u32 i) {
    const u32 hash = hashOf(symbols[i], symbols[i + 1]), bit = hash & s.mergeableMask;
    ranks[i] = noPair;
    if ((s.mergeable[bit >> 3] >> (bit & 7) & 1) == 0) return;
    const Pair &pair = s.pairs[slotOf(s, hash, symbols[i], symbols[i + 1])];
    ranks[i] = pair.rank;
    results[i] = pair.result;
  };
  for (u32 i = 0; i + 1 < n; i++) look(i);
  for (;;) {
    u32 best = 0, rank = noPair;
    for (u32 i = 0; i + 1 < n; i++) {
      if (ranks[i] < rank) {
        best = i;
        rank = ranks[i];
      }
    }
    if (rank == noPair) break;
    symbols[best] = results[best];
    n--;
    for (u32 i = best + 1; i < n; i++) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
      results[i] = results[i + 1];
    }
    if (best > 0) look(best - 1);
    if (best + 1 < n) look(best);
  }
  for (u32 i = 0; i < n; i++) out[i] = symbols[i];
  return n;
}

u64 hashOf(u64 low, u64 high) {
  const u64 hash = (low ^ high * 0x9e3779b97f4a7c15ull) * 0xc2b2ae3d27d4eb4full;
  return (hash ^ hash >> 29) * 0x9e3779b97f4a7c15ull;
}

bool same(const u8 *a, const u8 *b, u32 length) {
  u32 i = 0;
  for (; i + 8 <= length; i += 8)
    if (load64(a + i) != load64(b + i)) return false;
  for (; i < length; i++)
    if (a[i] != b[i]) return false;
  return true;
}

/** Of a word of up to 16 bytes, padded with zeros. */
u64 shortHash(u64 low, u64 high, u32 length) { return hashOf(low, high ^ (u64)length << 59); }

u64 longHash(const u8 *word, u32 length) {
  u64 hash = length;
  for (u32 i = 0; i + 8 <= length; i += 8) hash = hashOf(load64(word + i), hash);
  return hashOf(load64(word + length - 8), hash);
}

/** The first 16 bytes of a word, zeros after its end. */
void padded(const u8 *word, u32 length, u64 &low, u64 &high) {
  low = load64(word), high = 0;
  if (length < 8) low &= (1ull << 8 * length) - 1;
  else if (length > 8) {
    high = load64(word + 8);
    if (length < 16) high &= (1ull << 8 * (length - 8)) - 1;
  }
}

/** The place of a word among the tokens, or a free one. */
Whole &wholeOf(const Settings &s, const u8 *word, u32 length, u64 hash) {
  u32 slot = (u32)hash & s.wholeMask;
  const u32 tag = (u32)(hash >> 32);
  for (;; slot = (slot + 1) & s.wholeMask) {
    Whole &at = s.wholes[slot];
    if (at.length == 0 || (at.length == length && at.tag == tag && same(at.name, word, length))) return at;
  }
}

u32 unknown(const Settings &s, const u8 *word, u32 length, u64 hash, u32 *out) {
  if (s.wholes) {
    const Whole &found = wholeOf(s, word, length, hash);
    if (found.length > 0) {
      out[0] = found.id;
      return 1;
    }
  }
  return merge(s, word, length, out);
}

/** Each place has two words, of which the one kept longer ago makes room. */
u32 keptLonger(const Settings &s, const u8 *word, u32 length, u64 hash, u32 *out) {
  Long *place = s.longs + 2 * (hash >> s.longShift);
  for (Long *at = place; at < place + 2; at++) {
    if ((at->sizes & 0xff) != length || !same(at->bytes, word, length)) continue;
    const u32 count = at->sizes >> 8;
    for (u32 i = 0; i < count; i++) out[i] = at->ids[i];
    return count;
  }
  const u32 count = unknown(s, word, length, hash, out);
  if (count <= 15) {
    place[1] = place[0];
    for (u32 i = 0; i < length; i++) place->bytes[i] = word[i];
    for (u32 i = 0; i < count; i++) place->ids[i] = out[i];
    place->sizes = count << 8 | length;
  }
  return count;
}

/** The same for words of up to 16 bytes; those of more than three ids are looked up once more. */
u32 shortWord(const Settings &s, const u8 *word, u32 length, u32 *out) {
  u64 low, high;
  padded(word, length, low, high);
  const u64 hash = shortHash(low, high, length);
  Short *place = s.shorts + 2 * (hash >> s.shortShift);
  for (Short *at = place; at < place + 2; at++) {
    if (at->low == low && at->high == high && (at->sizes & 0xff) == length) {
      out[0] = at->ids[0];
      out[1] = at->ids[1];
      out[2] = at->ids[2];
      return at->sizes >> 8;
    }
  }
  const u32 count = keptLonger(s, word, length, hash, out);
  if (count <= 3) {
    place[1] = place[0];
    *place = {low, high, count << 8 | length, {out[0], out[1], out[2]}};
  }
  return count;
}

u32 longWord(const Settings &s, const u8 *word, u32 length, u32 *out) {
  return keptLonger(s, word, length, longHash(word, length), out);
}

} // namespace

/** Puts the merges into the table, in order of rank; of a pair that occurs twice the later counts. Three numbers each. */
EXPORT(merges) void merges(const Settings *s, const u32 *list, u32 count) {
  for (u32 i = 0; i <= s->pairMask; i++) s->pairs[i].rank = noPair;
  for (u32 i = 0; i < count; i++) {
    const u32 left = list[3 * i], right = list[3 * i + 1], hash = hashOf(left, right), bit = hash & s->mergeableMask;
    s->pairs[slotOf(*s, hash, left, right)] = {left, right, i, list[3 * i + 2]};
    s->mergeable[bit >> 3] |= 1 << (bit & 7);
  }
}

/** Puts tokens into their table: bytes one after another, of each token its id and where it ends. */
EXPORT(wholes) void wholes(const Settings *s, const u8 *names, const u32 *list, u32 count) {
  for (u32 i = 0, from = 0; i < count; i++) {
    const u32 id = list[2 * i], length = list[2 * i + 1] - from;
    const u8 *name = names + from;
    u64 low, high;
    padded(name, length, low, high);
    const u64 hash = length <= 16 ? shortHash(low, high, length) : longHash(name, length);
    wholeOf(*s, name, length, hash) = {name, length, (u32)(hash >> 32), id};
    from += length;
  }
}

/**
 * Encodes the words of text[from, to) and returns where it stopped: before a word that what follows may lengthen, unless
 * this is the last part, or before a word of more than 64 bytes, which is left to the caller and ends at `leftEnd`.
 * Sixteen bytes after the text must be readable; `ids` has room for an id for each byte and three more.
 */
EXPORT(encode) u32 encode(Settings *s, u32 from, u32 to, u32 last) {
  u32 *out = s->ids;
  u32 i = from;
  s->leftEnd = 0;
  while (i < to) {
    const u32 end = s->digits == 0 ? gpt2End(*s, i, to, last) : llama3End(*s, i, to, last);
    if (end == unsure || (!last && end + ahead > to)) break;
    const u32 length = end - i;
    if (length > mostBytes) {
      s->leftEnd = end;
      break;
    }
    out += length <= 16 ? shortWord(*s, s->text + i, length, out) : longWord(*s, s->text + i, length, out);
    i = end;
  }
  s->count = out - s->ids;
  return i;
}
