import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join, relative } from 'node:path'
import { usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { findFiles } from '../find-files.js'
import { type DataRecord, readRecordBatches } from '../read-records.js'
import { isUrl, readPacked, unreadable } from '../reading/read-bytes.js'
import { type DatasetManifest, manifestName, manifestOf, type StageReport } from './dataset-manifest.js'
import { loadRecipe, type Recipe, type Step } from './recipe.js'
import { isPerRecord } from './record-steps.js'
import { refuseOverlap } from './refuse-overlap.js'
import { wholeStep } from './whole-steps.js'
import { workInThreads } from './work-in-threads.js'

export interface DataPipelineOptions {
  readonly signal?: AbortSignal | undefined
  /** Told when a stage begins, and after each chunk of it. `reused`: of this stage nothing had to be done. */
  readonly onProgress?: ((progress: { steps: readonly string[]; records: number; reused: boolean }) => void) | undefined
}

/** Goes into every key: another way of working makes other files. */
const generation = 1

/**
 * Runs a pipeline of data steps, or what is left of it: chunks and stages that are done are not done again, and a change of the recipe does
 * again only what follows it.
 *
 * @example
 * ```ts
 * const { version, outputs } = await runDataPipeline('clean.yaml')
 * ```
 */
export async function runDataPipeline(file: string, options: DataPipelineOptions = {}): Promise<DatasetManifest> {
  const recipe = await loadRecipe(file)
  const files = await findFiles(recipe.input, { signal: options.signal })
  await refuseOverlap(recipe.output, [...recipe.input, ...files, ...benchmarkPaths(recipe.steps)])
  const inputs = await Promise.all(files.map(async (one) => ({ file: one, ...(await contentOf(one)) })))
  let key = hashOf([generation, inputs.map(({ sha256 }) => sha256)])
  let source: readonly string[] = files
  const folder = join(recipe.output, '.steps')
  const stages: StageReport[] = []
  const used = new Set<string>()
  for (const steps of stagesOf(recipe.steps)) {
    options.signal?.throwIfAborted()
    key = hashOf([key, steps, ...(steps.every(isPerRecord) ? [recipe.chunk, await benchmarksIn(steps)] : [])])
    const stage = join(folder, `${stages.length}-${key}`)
    used.add(basename(stage))
    const report = await runStage(steps, source, stage, recipe, options)
    stages.push(report)
    source = (await readdir(stage))
      .filter((name) => name.endsWith('.jsonl'))
      .sort()
      .map((name) => join(stage, name))
  }
  const before = (await manifestOf(recipe.output))?.outputs ?? []
  const outputs = await publish(source, recipe)
  for (const old of await readdir(folder).catch(() => []))
    if (!used.has(old)) await rm(join(folder, old), { recursive: true, force: true })
  const manifest: DatasetManifest = {
    format: 1,
    version: hashOf(outputs.map(({ file, sha256 }) => [file, sha256])),
    inputs: inputs.map((one) => ({ ...one, file: placeOf(one.file, recipe.output) })),
    steps: recipe.steps.map(({ name, settings }) => ({ [name]: settings })),
    stages,
    outputs,
  }
  await writeFileAtomic(join(recipe.output, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
  // Of what lies there only what an earlier run wrote, and this one does not.
  for (const old of before)
    if (basename(old) === old && !outputs.some(({ file }) => file === old)) await rm(join(recipe.output, old), { force: true })
  return manifest
}

/** Steps that look at one record at a time go together; each of the others reads the whole. A pipeline without steps copies. */
function stagesOf(steps: readonly Step[]): (readonly Step[])[] {
  const stages: Step[][] = []
  for (const step of steps) {
    const last = stages.at(-1)
    if (isPerRecord(step) && last?.every(isPerRecord)) last.push(step)
    else stages.push([step])
  }
  return stages.length > 0 && stages[0]!.every(isPerRecord) ? stages : [[], ...stages]
}

async function runStage(
  steps: readonly Step[],
  source: readonly string[],
  stage: string,
  recipe: Recipe,
  { signal, onProgress }: DataPipelineOptions,
): Promise<StageReport> {
  const names = steps.map(({ name }) => name)
  const mark = join(stage, 'stage.json')
  const done = await readFile(mark, 'utf8').catch(() => undefined)
  if (done !== undefined) {
    const report: StageReport = JSON.parse(done)
    onProgress?.({ steps: names, records: report.records, reused: true })
    return report
  }
  await mkdir(stage, { recursive: true })
  onProgress?.({ steps: names, records: 0, reused: false })
  const [only] = steps
  const counts =
    only && !isPerRecord(only)
      ? await wholeStep(only, source, stage, signal)
      : await inChunks(steps, source, stage, recipe, {
          signal,
          onProgress: (records) => onProgress?.({ steps: names, records, reused: false }),
        })
  const report = { steps: names, ...counts }
  await writeFileAtomic(mark, JSON.stringify(report))
  return report
}

type Counts = Omit<StageReport, 'steps'>

/** Chunks of records over threads; each is a file of its own that appears when it is whole, and is not made again. */
async function inChunks(
  steps: readonly Step[],
  source: readonly string[],
  stage: string,
  { chunk, threads = Math.min(8, availableParallelism()) }: Recipe,
  { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress(records: number): void },
): Promise<Counts> {
  const workers = await workInThreads(steps, threads)
  const counts = { records: 0, kept: 0, dropped: {} as Record<string, number> }
  const add = ({ records, kept, dropped }: Counts): void => {
    counts.records += records
    counts.kept += kept
    for (const [reason, count] of Object.entries(dropped)) counts.dropped[reason] = (counts.dropped[reason] ?? 0) + count
    onProgress(counts.records)
  }
  const running = new Set<Promise<void>>()
  let failure: unknown
  let number = 0
  const start = async (records: readonly DataRecord[]): Promise<void> => {
    signal?.throwIfAborted()
    if (failure !== undefined) throw failure
    const part = join(stage, `part-${String(number++).padStart(6, '0')}`)
    const known = await readFile(`${part}.json`, 'utf8').catch(() => undefined)
    if (known !== undefined) return add(JSON.parse(known))
    const one = workers
      .run(records)
      .then(async ({ lines, ...done }) => {
        await writeFileAtomic(`${part}.jsonl`, lines)
        // Last: a chunk without it is made again.
        await writeFileAtomic(`${part}.json`, JSON.stringify(done))
        add(done)
      })
      .catch((error: unknown) => {
        failure ??= error
      })
      .finally(() => running.delete(one))
    running.add(one)
    if (running.size > 2 * threads) await Promise.race(running)
  }
  try {
    let pending: DataRecord[] = []
    for (const file of source)
      for await (const batch of readRecordBatches(file)) {
        for (const record of batch) {
          pending.push(record)
          if (pending.length < chunk) continue
          await start(pending)
          pending = []
        }
      }
    if (pending.length > 0) await start(pending)
    await Promise.all(running)
    if (failure !== undefined) throw failure
  } finally {
    // Chunks that are being written are written to their end.
    await Promise.allSettled(running)
    await workers.close()
  }
  return counts
}

/** Puts what the last stage made where it is looked for: parts of a split by their names, else one file. */
async function publish(source: readonly string[], { output, steps }: Recipe) {
  await mkdir(output, { recursive: true })
  const split = steps.at(-1)?.name === 'split'
  const outputs: { file: string; records: number; sha256: string }[] = []
  const names = split ? source.map((file) => basename(file)) : ['data.jsonl']
  for (const [index, name] of names.entries()) {
    const target = join(output, name)
    const temporary = `${target}.${process.pid}.tmp`
    const [first, ...rest] = split ? [source[index]!] : source
    if (first === undefined) throw nothingLeft(output)
    await copyFile(first, temporary)
    for (const more of rest) await appendTo(temporary, more)
    await rename(temporary, target)
    outputs.push({ file: name, ...(await recordsOf(target)) })
  }
  return outputs
}

async function appendTo(file: string, from: string): Promise<void> {
  const { pipeline } = await import('node:stream/promises')
  const { createWriteStream } = await import('node:fs')
  await pipeline(createReadStream(from), createWriteStream(file, { flags: 'a' }))
}

async function recordsOf(file: string): Promise<{ records: number; sha256: string }> {
  const hash = createHash('sha256')
  let records = 0
  for await (const piece of createReadStream(file)) {
    hash.update(piece)
    for (const byte of piece as Buffer) if (byte === 10) records++
  }
  return { records, sha256: hash.digest('hex') }
}

/** Of files their bytes as they lie; of addresses what they give now. */
async function contentOf(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const piece of readPacked(file)) {
      hash.update(piece)
      bytes += piece.length
    }
  } catch (cause) {
    throw unreadable(file, cause)
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** How a manifest names an input: an address as it is, a file of the hub by its name and commit rather than its place in the cache. */
function placeOf(file: string, output: string): string {
  if (isUrl(file)) return file
  const hub = /(?:^|\/)datasets--([^/]+?)--([^/]+)\/snapshots\/([^/]+)\/(.+)$/.exec(file.replaceAll('\\', '/'))
  return hub ? `hf://datasets/${hub[1]}/${hub[2]}@${hub[3]}/${hub[4]}` : relative(output, file)
}

/** A benchmark that changed filters otherwise. */
async function benchmarksIn(steps: readonly Step[]): Promise<string[]> {
  const hashes: string[] = []
  for (const file of await findFiles(benchmarkPaths(steps))) hashes.push((await contentOf(file)).sha256)
  return hashes
}

const benchmarkPaths = (steps: readonly Step[]): string[] =>
  steps.flatMap((step) => (step.name === 'decontaminate' ? Object.values(step.settings.benchmarks) : []))

const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16)

const nothingLeft = (output: string) =>
  usageError('DATA_PIPELINE', 'The pipeline has nothing to write: there was no record.', {
    where: { file: output },
    actions: ['Look whether the input has records.'],
  })
