import { type Execution, messageOf, type Program, QtError, usageError } from '@qt/core'
import { bubblewrap } from './bubblewrap.js'
import type { Confinement, MechanismKind } from './mechanism.js'
import { namespaces } from './namespaces.js'
import { unconfined } from './unconfined.js'

type RunIn = (confinement: Confinement, program: Program) => Promise<Execution>

const makers: Readonly<Record<Exclude<MechanismKind, 'none'>, () => Confinement | undefined>> = { bubblewrap, namespaces }

/**
 * The first mechanism that holds: a program inside must be alone, without network and without what lies outside. Found on
 * PATH is not enough, as distributions forbid user namespaces in their own ways.
 */
export async function chooseConfinement(asked: MechanismKind | undefined, runIn: RunIn): Promise<Confinement> {
  if (asked === 'none') return unconfined()
  if (asked !== undefined && !Object.hasOwn(makers, asked))
    throw usageError('SANDBOX_MECHANISM', `There is no mechanism "${String(asked)}".`, {
      actions: ['Use bubblewrap, namespaces or none, or leave it out.'],
    })
  const reasons: string[] = []
  for (const kind of asked === undefined ? (['bubblewrap', 'namespaces'] as const) : [asked]) {
    const confinement = process.platform === 'linux' ? makers[kind]() : undefined
    if (!confinement) {
      reasons.push(`${kind}: ${process.platform === 'linux' ? 'its programs are not installed, or too old' : 'Linux only'}`)
      continue
    }
    const reason = await failureOf(confinement, runIn)
    if (reason === undefined) return confinement
    reasons.push(`${kind}: ${reason}`)
  }
  throw new QtError({
    code: 'SANDBOX_UNAVAILABLE',
    message: `Nothing on this machine can confine a program (${reasons.join('; ')}), so none is run.`,
    actions: [
      { label: 'Install bubblewrap 0.8 or newer.', command: 'apt install bubblewrap' },
      'In a container, allow user namespaces (docker run --security-opt seccomp=unconfined).',
      "Only where you trust every program: openSandbox({ mechanism: 'none' }).",
    ],
  })
}

// Few processes, one network interface (lo), no folder of users, and a system that cannot be written.
const probe = `
set -- /proc/[0-9]*; [ $# -le 4 ] || { echo "it sees $# processes"; exit 1; }
[ "$(grep -c : /proc/net/dev)" -le 1 ] || { echo 'it has a network'; exit 1; }
[ ! -e /home ] && [ ! -e /root ] && [ ! -e /var ] || { echo 'it sees the files of the host'; exit 1; }
for folder in / /usr /dev /proc/sys/kernel; do if (: >$folder/probe) 2>/dev/null; then echo "it can write $folder"; exit 1; fi; done
: >/tmp/probe || { echo 'it cannot write /tmp'; exit 1; }
`

async function failureOf(confinement: Confinement, runIn: RunIn): Promise<string | undefined> {
  try {
    const { ended, exitCode, stdout, stderr } = await runIn(confinement, { language: 'shell', code: probe })
    if (ended === 'exited' && exitCode === 0) return undefined
    return stdout.trim() || stderr.trim().split('\n')[0] || `${ended} with exit code ${exitCode}`
  } catch (error) {
    return messageOf(error)
  }
}
