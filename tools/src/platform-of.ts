export interface Platform {
  readonly os: string
  readonly cpu: string
  readonly libc?: string
}

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openbsd', 'openharmony', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']

/** The platform that a package of binaries names in its own name: `@rollup/rollup-linux-x64-musl`. */
export function platformOf(name: string): Platform | undefined {
  const words = name.split(/[-/]/)
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (os === undefined || cpu === undefined) return undefined
  const musl = words.some((word) => word.startsWith('musl'))
  return os === 'linux' ? { os, cpu, libc: musl ? 'musl' : 'glibc' } : { os, cpu }
}
