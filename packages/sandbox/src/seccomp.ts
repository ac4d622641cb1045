import { inspected, refused } from './syscalls.js'

/** struct sock_filter: { u16 code; u8 jt; u8 jf; u32 k } */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number]

const loadWord = 0x20 // BPF_LD | BPF_W | BPF_ABS
const ifEqual = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
const ifAtLeast = 0x35 // BPF_JMP | BPF_JGE | BPF_K
const ifAnyBit = 0x45 // BPF_JMP | BPF_JSET | BPF_K
const give = 0x06 // BPF_RET | BPF_K

const allow = 0x7fff0000
const kill = 0x80000000
const error = (errno: number): number => 0x00050000 | errno
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97]

// struct seccomp_data: nr at 0, arch at 4, low halves of the arguments at 16, 24, …
const [numberAt, architectureAt] = [0, 4]
const argumentAt = (index: number): number => 16 + 8 * index

const architectures: Readonly<Record<string, { readonly audit: number; readonly column: 0 | 1 } | undefined>> = {
  x64: { audit: 0xc000003e, column: 0 },
  arm64: { audit: 0xc00000b7, column: 1 },
}

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET */
const newNamespace = 0x7e020000
/** AF_UNIX, AF_INET, AF_INET6: the others, AF_VSOCK first of all, do not stop at a network namespace. */
const socketDomains = [1, 2, 10]
/** TIOCSTI and TIOCLINUX write into the terminal's input. */
const terminalInput = [0x5412, 0x541c]

/**
 * A filter of system calls as bytes (classic BPF), or undefined for an architecture whose numbers are not known here.
 * Everything is allowed but what `refused` lists, new namespaces, other sockets than those of files and the internet, and
 * writing into the terminal's input.
 */
export function seccompFilter(architecture: string = process.arch): Buffer | undefined {
  const known = architectures[architecture]
  if (!known) return undefined
  const { audit, column } = known
  const program: Instruction[] = [
    [loadWord, 0, 0, architectureAt],
    [ifEqual, 1, 0, audit],
    [give, 0, 0, kill],
    [loadWord, 0, 0, numberAt],
  ]
  // The x32 calls of x86-64 would come under other numbers.
  if (architecture === 'x64') program.push([ifAtLeast, 0, 1, 0x40000000], [give, 0, 0, error(ENOSYS)])
  for (const numbers of Object.values(refused)) {
    const number = numbers[column]
    if (number !== undefined) program.push([ifEqual, 0, 1, number], [give, 0, 0, error(EPERM)])
  }
  // clone3 keeps its flags in memory, where a filter cannot look; libraries fall back to clone.
  program.push([ifEqual, 0, 1, inspected.clone3[column]], [give, 0, 0, error(ENOSYS)])
  const inspect = (number: number, argument: number, checks: readonly Instruction[]) =>
    program.push([ifEqual, 0, checks.length + 1, number], [loadWord, 0, 0, argumentAt(argument)], ...checks)
  inspect(inspected.clone[column], 0, [
    [ifAnyBit, 0, 1, newNamespace],
    [give, 0, 0, error(EPERM)],
    [give, 0, 0, allow],
  ])
  inspect(inspected.socket[column], 0, [
    ...socketDomains.map((domain, i): Instruction => [ifEqual, socketDomains.length - i, 0, domain]),
    [give, 0, 0, error(EAFNOSUPPORT)],
    [give, 0, 0, allow],
  ])
  inspect(inspected.ioctl[column], 1, [
    ...terminalInput.map((request, i): Instruction => [ifEqual, terminalInput.length - i, 0, request]),
    [give, 0, 0, allow],
    [give, 0, 0, error(EPERM)],
  ])
  program.push([give, 0, 0, allow])
  const bytes = Buffer.alloc(program.length * 8)
  program.forEach(([code, jumpTrue, jumpFalse, k], i) => {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(jumpTrue, i * 8 + 2)
    bytes.writeUInt8(jumpFalse, i * 8 + 3)
    bytes.writeUInt32LE(k, i * 8 + 4)
  })
  return bytes
}
