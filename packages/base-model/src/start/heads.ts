import { type Matrix, quietColumns, quietRows, set } from './matrix.js'

export interface AttentionParts {
  readonly q: Matrix
  readonly k: Matrix
  readonly v: Matrix
  readonly o: Matrix
}

interface Place {
  readonly head: number
  readonly headSize: number
  /** Where the dimensions of what came before begin. */
  readonly half: number
  readonly ropeTheta: number
}

/** Turn per position of the i-th pair of a head; the pair is i and i + headSize/2, as Hugging Face lays them out. */
const turn = (pair: number, { headSize, ropeTheta }: Pick<Place, 'headSize' | 'ropeTheta'>): number =>
  ropeTheta ** ((-2 * pair) / headSize)

/**
 * Attends to the token before and notes, in the second half of the dimensions, what it is. Queries and keys are the same for all
 * tokens but for the rotation: the query is turned back by one position, so that the score Σ cos(turn·(distance − 1)) is greatest at
 * distance 1.
 */
export function previousTokenHead(parts: AttentionParts, place: Place & { identity: number; constant: number }): void {
  const { head, headSize, half, identity, constant } = place
  const first = clear(parts, place)
  const size = 6 / constant
  // The pairs that turn fast tell distances apart.
  for (let pair = 0; pair < Math.min(10, headSize / 2); pair++) {
    const angle = turn(pair, place)
    set(parts.q, first + pair, 0, size * Math.cos(angle))
    set(parts.q, first + pair + headSize / 2, 0, -size * Math.sin(angle))
    set(parts.k, first + pair, 0, size)
  }
  for (const [index, dimension] of dimensions(head, headSize, half)) {
    set(parts.v, first + index, dimension, 1)
    set(parts.o, half + dimension, first + index, identity)
  }
}

/**
 * Attends to the tokens before which stood what stands here now, and puts forward what they are. Compared are dimensions that hardly
 * turn within a text, so that the distance does not count.
 */
export function repetitionHead(parts: AttentionParts, place: Place): void {
  const { head, headSize, half } = place
  const first = clear(parts, place)
  const pairs = Array.from({ length: headSize / 2 }, (_, pair) => pair).filter((pair) => turn(pair, place) < 0.004)
  const known = dimensions(head, headSize, half)
  for (const [index, row] of pairs.flatMap((pair) => [pair, pair + headSize / 2]).entries()) {
    const dimension = known[index % known.length]![1]
    set(parts.q, first + row, dimension, sharpness)
    set(parts.k, first + row, half + dimension, sharpness)
  }
  // The place that dimension 0 leaves free carries whether a space stood before.
  const carried = known.length < headSize ? [...known, [known.length, half] as const] : known
  for (const [index, dimension] of carried) {
    set(parts.v, first + index, dimension, 1)
    set(parts.o, dimension, first + index, forward)
  }
}

const sharpness = 2.4
const forward = 0.25

/**
 * Attends to what stands within about so many tokens before, whatever it is: a random head starts from the mean of the whole text, in
 * which the few words that were just said are lost.
 */
export function nearbyHead({ q, k }: AttentionParts, place: Omit<Place, 'half'> & { constant: number; reach: number }): void {
  const { head, headSize, constant, reach } = place
  const first = head * headSize
  for (const part of [q, k]) quietRows(part, first, first + headSize)
  // Pairs that turn once within a few times the reach; those that turn slower keep what is far from coming round again.
  const pairs = Array.from({ length: headSize / 2 }, (_, pair) => pair).filter((pair) => {
    const turned = turn(pair, place) * reach
    return turned < 1.6 && turned > 0.02
  })
  const size = Math.sqrt((steepness * Math.sqrt(headSize)) / pairs.length) / constant
  for (const pair of pairs) {
    const angle = (turn(pair, place) * reach) / 3
    set(q, first + pair, 0, size * Math.cos(angle))
    set(q, first + pair + headSize / 2, 0, -size * Math.sin(angle))
    set(k, first + pair, 0, size)
  }
}

/** Weight of what is near against what is far, as the exponent of e. */
const steepness = 8

/**
 * Attends to the token itself and takes it away from the stream. Where the embedding also reads out what comes next, every token is a
 * guess at its own repetition: without this head a model that is at a loss stammers.
 */
export function selfHead(parts: AttentionParts, place: Place & { identity: number; constant: number }): void {
  const { head, headSize, half, identity, constant } = place
  const first = clear(parts, place)
  const size = 6 / constant
  for (let pair = 0; pair < Math.min(10, headSize / 2); pair++) {
    set(parts.q, first + pair, 0, size)
    set(parts.k, first + pair, 0, size)
  }
  for (const [index, dimension] of dimensions(head, headSize, half)) {
    set(parts.v, first + index, dimension, 1)
    set(parts.o, dimension, first + index, -identity)
  }
}

/** Silences what is random of a head; returns its first row. */
function clear({ q, k, v, o }: AttentionParts, { head, headSize }: Place): number {
  const [from, to] = [head * headSize, (head + 1) * headSize]
  for (const part of [q, k, v]) quietRows(part, from, to)
  quietColumns(o, from, to)
  return from
}

/** The dimensions of the token that this head carries, beside their number in the head; dimension 0 tells nothing. */
const dimensions = (head: number, headSize: number, half: number): (readonly [index: number, dimension: number])[] =>
  Array.from({ length: headSize }, (_, index) => [index, 1 + head * headSize + index] as const).filter(
    ([, dimension]) => dimension < half,
  )
