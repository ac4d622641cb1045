import { expect, test } from 'vitest'
import { seccompFilter } from './seccomp.js'
import { inspected, refused } from './syscalls.js'

const [kill, allow, refuse] = [0x80000000, 0x7fff0000, 0x00050001]
const x64 = 0xc000003e

/** What the kernel would do with a call: classic BPF over struct seccomp_data. */
function answer(
  filter: Buffer,
  { nr, architecture = x64, args = [] }: { nr: number; architecture?: number; args?: number[] },
): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(nr, 0)
  data.writeUInt32LE(architecture, 4)
  for (const [i, value] of args.entries()) data.writeUInt32LE(value, 16 + 8 * i)
  let accumulator = 0
  for (let at = 0; at < filter.length; ) {
    const [code, jumpTrue, jumpFalse, k] = [
      filter.readUInt16LE(at),
      filter[at + 2]!,
      filter[at + 3]!,
      filter.readUInt32LE(at + 4),
    ]
    at += 8
    if (code === 0x06) return k
    if (code === 0x20) accumulator = data.readUInt32LE(k)
    else {
      const holds = code === 0x15 ? accumulator === k : code === 0x35 ? accumulator >= k : (accumulator & k) !== 0
      at += 8 * (holds ? jumpTrue : jumpFalse)
    }
  }
  throw new Error('the program has no end')
}

test('ordinary calls pass, dangerous ones do not', () => {
  const filter = seccompFilter('x64')!
  for (const nr of [0, 1, 2, 9, 57, 59, 231]) expect(answer(filter, { nr })).toBe(allow)
  for (const nr of [101, 165, 272, 308, 321, 425]) expect(answer(filter, { nr })).toBe(refuse)
  expect(answer(filter, { nr: 435 })).toBe(0x00050000 | 38)
})

test.each([
  ['x64', 0, x64],
  ['arm64', 1, 0xc00000b7],
] as const)('of %s every number that is listed is refused, and no other', (name, column, architecture) => {
  const filter = seccompFilter(name)!
  const closed = new Set(Object.values(refused).flatMap((numbers) => numbers[column] ?? []))
  for (let nr = 0; nr < 1000; nr++) {
    if (nr === inspected.clone3[column]) continue
    // A socket of files: AF_UNIX.
    expect(answer(filter, { nr, architecture, args: [nr === inspected.socket[column] ? 1 : 0] }), String(nr)).toBe(
      closed.has(nr) ? refuse : allow,
    )
  }
})

test('calls of another architecture, and of x32, do not pass', () => {
  const filter = seccompFilter('x64')!
  expect(answer(filter, { nr: 20, architecture: 0x40000003 })).toBe(kill)
  expect(answer(filter, { nr: 0x40000000 })).toBe(0x00050000 | 38)
})

test('arguments decide about clone, socket and ioctl', () => {
  const filter = seccompFilter('x64')!
  expect(answer(filter, { nr: 56, args: [0x3d0f00] })).toBe(allow) // a thread
  for (const flag of [0x20000, 0x10000000, 0x40000000]) expect(answer(filter, { nr: 56, args: [flag | 17] })).toBe(refuse)
  for (const domain of [1, 2, 10]) expect(answer(filter, { nr: 41, args: [domain] })).toBe(allow)
  for (const domain of [16, 17, 38, 40]) expect(answer(filter, { nr: 41, args: [domain] })).toBe(0x00050000 | 97)
  expect(answer(filter, { nr: 16, args: [0, 0x5401] })).toBe(allow)
  for (const request of [0x5412, 0x541c]) expect(answer(filter, { nr: 16, args: [0, request] })).toBe(refuse)
})

test('there is none for an architecture whose numbers are unknown', () => {
  expect(seccompFilter('mips')).toBeUndefined()
  expect(answer(seccompFilter('arm64')!, { nr: 117, architecture: 0xc00000b7 })).toBe(refuse)
})
