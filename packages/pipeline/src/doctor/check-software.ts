import { nativePlatform } from '@qt/core'
import { type Finding, finding, fine } from './finding.js'
import type { HardwareProfile, NativePart } from './profile.js'

/** The oldest Node that is supported. */
const oldest = [20, 19] as const

export function checkNode({ node }: HardwareProfile): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  const enough = major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
  return enough
    ? fine('node', node)
    : finding('node', 'missing', node, `Node ${oldest.join('.')} or later is needed.`, {
        label: 'Install a current Node.',
        command: 'nvm install 22',
      })
}

export function checkNpm({ npm }: HardwareProfile): Finding {
  return npm === undefined
    ? finding('npm', 'advice', 'not found', 'Nothing here needs it to run, but packages are installed with it.', {
        label: 'Install npm, or put it on the path.',
      })
    : fine('npm', npm)
}

export function checkEngine(profile: HardwareProfile): Finding {
  const { engine, processor } = profile
  const name = '@qt/trainer-native'
  if (engine.state === 'works') return checkKernels(engine, processor.features)
  if (engine.state === 'absent')
    return finding('engine', 'missing', 'not installed', 'train, generate, chat and eval need the engine.', {
      label: 'Install it.',
      command: `npm install ${name}`,
    })
  const why = engine.state === 'broken' ? engine.why : 'This version of the package does not say what its native part finds.'
  return finding(
    'engine',
    'missing',
    'its native part does not load',
    `${why} train, generate, chat and eval need it.`,
    { label: 'Install the prebuilt package of this platform.', command: `npm install ${name}-${platformOf(profile)}` },
    build(profile),
  )
}

function checkKernels({ kernels, threads }: Extract<NativePart, { state: 'works' }>, features: readonly string[]): Finding {
  const found = `loads; kernels ${kernels.join(', ') || 'none'}; ${threads} thread${threads === 1 ? '' : 's'}`
  const lost = features.includes('avx2') && !kernels.includes('avx2')
  return lost
    ? finding(
        'engine',
        'advice',
        found,
        'The processor has AVX2, but its kernels failed their self-test, so slower ones are taken. Emulators do that.',
        {
          label: 'Run it on the machine itself, outside the emulator.',
        },
      )
    : fine('engine', found)
}

export function checkQuantizer(profile: HardwareProfile): Finding {
  const { quantizer } = profile
  const name = '@qt/quantize'
  if (quantizer.state === 'works') return fine('quantiser', `loads; kernels ${quantizer.kernels.join(', ') || 'none'}`)
  if (quantizer.state === 'unknown') return fine('quantiser', 'installed')
  if (quantizer.state === 'absent')
    return finding('quantiser', 'advice', 'not installed', 'Only qt quantize and pipelines that quantise need it.', {
      label: 'Install it.',
      command: `npm install ${name}`,
    })
  return finding(
    'quantiser',
    'advice',
    'its native part does not load',
    `${quantizer.why} Quantising works without it, slower.`,
    { label: 'Install the prebuilt package of this platform.', command: `npm install ${name}-${platformOf(profile)}` },
    build(profile),
  )
}

/** Tools that build from source matter only when something has to be built. */
export function checkTools(profile: HardwareProfile): Finding {
  const { tools, engine, quantizer } = profile
  const found = [`cmake: ${tools.cmake ?? 'not found'}`, `C++ compiler: ${tools.compiler ?? 'not found'}`].join('; ')
  const broken = engine.state === 'broken' || quantizer.state === 'broken'
  if (!broken || (tools.cmake !== undefined && tools.compiler !== undefined)) return fine('tools', found)
  return finding(
    'tools',
    'advice',
    found,
    'They are needed to build the native parts in a clone of the repository.',
    installTools(profile),
  )
}

const platformOf = ({ system: { platform, architecture, libc } }: HardwareProfile): string =>
  nativePlatform({ platform, arch: architecture, glibc: libc === 'not glibc' ? undefined : 'glibc' })

const build = ({ tools }: HardwareProfile) => ({
  label: `Or build it in a clone of the repository${tools.cmake && tools.compiler ? '' : ', with CMake 3.25 and a C++20 compiler'}.`,
  command: 'npm ci && npm run build',
})

function installTools({ system }: HardwareProfile) {
  const command = { linux: 'sudo apt-get install cmake g++ ninja-build', darwin: 'xcode-select --install && brew install cmake' }
  const known = system.platform === 'linux' || system.platform === 'darwin' ? command[system.platform] : undefined
  return {
    label: 'Install CMake 3.25 or later and a C++20 compiler (g++ 12, clang 14, Visual Studio 2022).',
    ...(known ? { command: known } : {}),
  }
}
