/** Of a process, what tells which binaries run in it. */
export interface NativeHost {
  readonly platform: string
  readonly arch: string
  /** Of the C library glibc; undefined where Linux has another, musl. */
  readonly glibc: string | undefined
}

/**
 * How packages with the native part for a platform end: `linux-x64`, `darwin-arm64`, and `linux-x64-musl` where Linux has no glibc, for
 * which the binaries are others.
 *
 * @example
 * ```ts
 * nativePlatform() // 'linux-x64'
 * ```
 */
export function nativePlatform({ platform, arch, glibc }: NativeHost = thisHost()): string {
  return `${platform}-${arch}${platform === 'linux' && glibc === undefined ? '-musl' : ''}`
}

function thisHost(): NativeHost {
  const { platform, arch } = process
  if (platform !== 'linux') return { platform, arch, glibc: undefined }
  // Names of network interfaces may be asked for over the network, and take seconds.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report
  const before = report.excludeNetwork ?? false
  report.excludeNetwork = true
  try {
    return { platform, arch, glibc: glibcVersion(report.getReport()) }
  } finally {
    report.excludeNetwork = before
  }
}

function glibcVersion(report: unknown): string | undefined {
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined
  const { header } = report
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined
  return String(header.glibcVersionRuntime)
}
