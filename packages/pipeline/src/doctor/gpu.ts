import { outputOf } from './command.js'
import type { Gpu, HardwareProfile } from './profile.js'

type Graphics = Pick<HardwareProfile, 'gpus' | 'driver'>

/** Lines of `nvidia-smi --query-gpu=name,memory.total,memory.free,driver_version --format=csv,noheader,nounits`; sizes are in MiB. */
export function parseGpus(csv: string, banner = ''): Graphics {
  const rows = csv.split('\n').flatMap((line) => {
    const parts = line.split(',').map((part) => part.trim())
    const [name, total, free, driver] = [parts.slice(0, -3).join(', '), ...parts.slice(-3)]
    const mebibytes = Number(total)
    return name && driver && mebibytes > 0
      ? [{ name, memory: mebibytes * 2 ** 20, free: (Number(free) || 0) * 2 ** 20, driver }]
      : []
  })
  const gpus: Gpu[] = rows.map(({ name, memory, free }) => ({ name, memory, free }))
  const [first] = rows
  // Only the banner says which CUDA the driver can run.
  const cuda = /CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)/.exec(banner)?.[1]
  return { gpus, driver: first && { version: first.driver, ...(cuda === undefined ? {} : { cuda }) } }
}

/** NVIDIA's cards, asked of `nvidia-smi`; none when it is not there. */
export async function graphics(signal?: AbortSignal): Promise<Graphics> {
  const query = ['--query-gpu=name,memory.total,memory.free,driver_version', '--format=csv,noheader,nounits']
  const csv = await outputOf('nvidia-smi', query, signal)
  return csv === undefined ? { gpus: [], driver: undefined } : parseGpus(csv, await outputOf('nvidia-smi', [], signal))
}
