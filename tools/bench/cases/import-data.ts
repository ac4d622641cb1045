import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { command, tail } from '../../src/command.js'
import { closure, pack, publishable } from '../../src/packages.js'
import type { MakeCase } from '../case.js'

/** What `import '@qt/data'` alone costs somebody: installed into an empty project from what would be published. */
export const importData: MakeCase = async ({ folder }) => {
  const project = join(folder, 'project')
  await mkdir(project)
  const packages = closure(await publishable(), ['@qt/data'])
  const tarballs = await Promise.all(packages.map(async (item) => (await pack(item, folder)).path))
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'stranger', private: true, type: 'module' }))
  const installed = await command('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...tarballs], {
    cwd: project,
  })
  if (installed.code !== 0) throw new Error(tail(installed, 15))
  const program = join(project, 'import.js')
  await writeFile(
    program,
    `const start = performance.now()
const data = await import('@qt/data')
console.log(JSON.stringify({ milliseconds: performance.now() - start, exports: Object.keys(data).length }))
`,
  )
  const size = await sizeOf(join(project, 'node_modules'))
  return {
    name: 'import-data',
    title: "import '@qt/data' alone in an empty project",
    conditions: 'A new process each time, from what npm pack makes. Size of all of node_modules.',
    metrics: [
      { key: 'milliseconds', title: 'import ms', digits: 0, better: 'lower' },
      { key: 'megabytes', title: 'installed MB', digits: 1, better: 'lower' },
      { key: 'files', title: 'files', digits: 0, better: 'lower' },
    ],
    inputs: [],
    ours: [
      {
        name: '@qt/data',
        command: [process.execPath, program],
        parse: ({ stdout }) => ({ milliseconds: Number(JSON.parse(stdout).milliseconds), ...size }),
      },
    ],
    peers: [],
  }
}

async function sizeOf(folder: string): Promise<{ megabytes: number; files: number }> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  let bytes = 0
  for (const entry of entries) bytes += (await stat(join(entry.parentPath, entry.name))).size
  return { megabytes: bytes / 1e6, files: entries.length }
}
