import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { command, tail } from './command.js'
import { couldNotRun, type Outcome } from './outcome.js'
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

/** Configures, builds and tests a native project outside Node; `sanitize` adds the address and undefined-behaviour sanitizers. */
export async function runNative(project: string, options: { sanitize?: boolean } = {}): Promise<Outcome> {
  const name = `ctest ${project}${options.sanitize ? ' (sanitizers)' : ''}`
  const source = join(root, 'packages', project, 'native')
  const build = join(source, options.sanitize ? 'build/sanitize' : 'build/release')
  const sanitize = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer'
  const flags = options.sanitize
    ? ['-DCMAKE_BUILD_TYPE=RelWithDebInfo', `-DCMAKE_CXX_FLAGS=${sanitize}`]
    : ['-DCMAKE_BUILD_TYPE=Release']
  const configured = await command('cmake', ['-S', source, '-B', build, ...flags])
  if (configured.code === -1) return couldNotRun(name, 'cmake is not installed')
  const built =
    configured.code === 0 ? await command('cmake', ['--build', build, '--parallel', `${availableParallelism()}`]) : configured
  if (built.code !== 0) {
    console.error(tail(built))
    return couldNotRun(name, 'its build failed')
  }
  const folder = await mkdtemp(join(tmpdir(), 'qt-ctest-'))
  try {
    const report = join(folder, 'report.xml')
    const args = ['--test-dir', build, '--output-on-failure', '--no-tests=error', '--output-junit', report]
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
