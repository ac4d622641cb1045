import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, tail } from './command.js'
import { couldNotRun, type Outcome, single } from './outcome.js'
import { root } from './root.js'

/** Packages whose `native` folder is a CMake project of its own. */
export async function nativeProjects(): Promise<string[]> {
  const names = await readdir(join(root, 'packages'))
  return names.filter((name) => existsSync(join(root, 'packages', name, 'native/CMakeLists.txt'))).sort()
}

const attribute = (xml: string, name: string): number =>
  Number(new RegExp(`<testsuite[^>]*\\s${name}="(\\d+)"`).exec(xml)?.[1] ?? 0)

/** Counts of the JUnit file that ctest writes. */
export function countJunit(name: string, xml: string): Outcome {
  const [tests, failed, skipped, disabled] = ['tests', 'failures', 'skipped', 'disabled'].map((key) => attribute(xml, key)) as [
    number,
    number,
    number,
    number,
  ]
  const left = skipped + disabled
  return { name, passed: tests - failed - left, failed, ...(left ? { skipped: left } : {}) }
}

/** A sanitizer, as the `QT_SANITIZE` of every native project takes it. */
export type Sanitizer = 'address,undefined' | 'thread'

/** Builds a native project outside Node, all of it or one target; a string says why it could not. */
export async function buildNative(
  project: string,
  flavour: string,
  flags: readonly string[],
  target?: string,
): Promise<{ readonly build: string } | string> {
  const source = join(root, 'packages', project, 'native')
  const build = join(source, 'build', flavour)
  const configured = await command('cmake', ['-S', source, '-B', build, ...flags])
  if (configured.code === -1) return 'cmake is not installed'
  const jobs = `${availableParallelism()}`
  const only = target === undefined ? [] : ['--target', target]
  const built = configured.code === 0 ? await command('cmake', ['--build', build, '--parallel', jobs, ...only]) : configured
  if (built.code === 0) return { build }
  console.error(tail(built))
  return 'its build failed'
}

export interface NativeRun {
  readonly sanitizer?: Sanitizer
  /** GPUs: for all architectures, not one. */
  readonly full?: boolean
}

/** Kernels for GPUs are compiled wherever nvcc is. */
async function cudaFlags(project: string, full: boolean): Promise<string[]> {
  if (!existsSync(join(root, 'packages', project, 'native/cuda'))) return []
  if ((await command('nvcc', ['--version'])).code !== 0) {
    console.log('Kernels for GPUs are not compiled: nvcc is not installed. Their tests run on the emulator.')
    return ['-DQT_CUDA=OFF']
  }
  return ['-DQT_CUDA=ON', ...(full ? [] : ['-DQT_CUDA_ARCHITECTURES=90'])]
}

/** Configures, builds and tests a native project outside Node, optionally under a sanitizer. */
export async function runNative(project: string, { sanitizer, full = false }: NativeRun = {}): Promise<Outcome> {
  const name = `ctest ${project}${sanitizer ? ` (${sanitizer})` : ''}`
  console.log(`\n── ${name}`)
  const flavour = sanitizer ? `sanitize-${sanitizer.split(',')[0]}` : 'release'
  const flags = sanitizer
    ? ['-DCMAKE_BUILD_TYPE=RelWithDebInfo', `-DQT_SANITIZE=${sanitizer}`]
    : ['-DCMAKE_BUILD_TYPE=Release', ...(await cudaFlags(project, full))]
  const built = await buildNative(project, flavour, flags)
  if (typeof built === 'string') return couldNotRun(name, built)
  const { build } = built
  const folder = await mkdtemp(join(tmpdir(), 'qt-ctest-'))
  try {
    const report = join(folder, 'report.xml')
    const args = [
      '--test-dir',
      build,
      '--output-on-failure',
      '--no-tests=error',
      '--parallel',
      `${availableParallelism()}`,
      '--output-junit',
      report,
    ]
    const tested = await command('ctest', args, { show: true })
    const xml = await readFile(report, 'utf8').catch(() => undefined)
    if (xml === undefined) return couldNotRun(name, `ctest ended with ${tested.code} and left no report`)
    const outcome = countJunit(name, xml)
    return tested.code !== 0 && outcome.failed === 0
      ? { ...outcome, failed: 1, note: `ctest ended with ${tested.code}` }
      : outcome
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs every libFuzzer target of a project; its folders of known inputs are where it starts from. */
export async function runFuzz(project: string, seconds: number): Promise<Outcome[]> {
  const source = join(root, 'packages', project, 'native')
  const targets = (await readdir(join(source, 'test')).catch(() => [])).filter((file) => /^fuzz_.*\.cpp$/.test(file))
  if (targets.length === 0) return []
  const flags = ['-DQT_FUZZ=ON', '-DCMAKE_CXX_COMPILER=clang++', '-DCMAKE_BUILD_TYPE=RelWithDebInfo']
  const built = await buildNative(project, 'fuzz', flags)
  const seeds = ['malformed', 'wellformed'].map((name) => join(source, 'test', name)).filter(existsSync)
  const outcomes: Outcome[] = []
  for (const target of targets) {
    const program = target.replace(/\.cpp$/, '')
    const name = `${program} ${seconds} s`
    if (typeof built === 'string') {
      outcomes.push(couldNotRun(name, `${built} (it needs clang)`))
      continue
    }
    const corpus = await mkdtemp(join(tmpdir(), 'qt-fuzz-'))
    const result = await command(join(built.build, program), [corpus, ...seeds, `-max_total_time=${seconds}`], {
      cwd: built.build,
    })
    if (result.code !== 0) console.error(tail(result))
    await rm(corpus, { recursive: true, force: true })
    outcomes.push(single(name, result.code === 0))
  }
  return outcomes
}
