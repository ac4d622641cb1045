import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { command } from '../src/command.js'
import { root, shared } from '../src/root.js'

/** The Python that has the peers installed: QT_ORACLES, or a virtual environment in or beside the repository. */
export function oraclesPython(): string | undefined {
  const candidates = [process.env.QT_ORACLES, join(root, '.oracles/bin/python'), join(root, '../.oracles/bin/python')]
  return candidates.find((path) => path !== undefined && existsSync(path))
}

export const oracleScript = (name: string): string => join(shared, 'oracles', name)

/** Why a peer of this script cannot run here, or undefined. */
export function oracleMissing(script: string): string | undefined {
  if (!existsSync(oracleScript(script))) return `${script} is not beside this checkout`
  return oraclesPython() === undefined ? 'PyTorch is not installed; QT_ORACLES names the Python that has it' : undefined
}

/** Installed versions of Python packages, as "torch 2.13.0". */
export async function oracleVersions(names: readonly string[]): Promise<string[]> {
  const python = oraclesPython()
  if (python === undefined) return []
  const code = `import importlib.metadata as m\nfor n in ${JSON.stringify(names)}:\n  print(n, m.version(n))`
  const { code: exit, stdout } = await command(python, ['-c', code])
  return exit === 0 ? stdout.trim().split('\n') : []
}
