/** The names that lm-evaluation-harness has for what ours are called, where the meaning is the same. */
const names: Readonly<Record<string, string>> = {
  task: 'name',
  output_type: 'kind',
  description: 'instruction',
  doc_to_text: 'prompt',
  doc_to_choice: 'choices',
  doc_to_target: 'answer',
  target_delimiter: 'delimiter',
}

const kinds: Readonly<Record<string, string>> = {
  multiple_choice: 'choice',
  loglikelihood: 'likelihood',
  loglikelihood_rolling: 'rolling',
  generate_until: 'generate',
}

/** What says where lm-evaluation-harness takes data from, or is for people; the data is named here by its file. */
const ignored = new Set([
  'tag',
  'group',
  'dataset_path',
  'dataset_name',
  'dataset_kwargs',
  'training_split',
  'validation_split',
  'test_split',
  'fewshot_split',
  'should_decontaminate',
  'doc_to_decontamination_query',
  'metadata',
])

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What an entry of `metric_list` may say beside the name: how it is summed up, which a metric of ours knows itself. */
const ofMetrics = new Set(['metric', 'aggregation', 'higher_is_better'])

/** Names of metrics, and what they leave out; the rest stays under its name, and is refused. */
function metricsOf(list: readonly unknown[]): Record<string, unknown> {
  const found: Record<string, unknown> = {
    metrics: list.map((entry) => (isRecord(entry) ? entry.metric : entry)),
  }
  const ignore: Record<string, unknown> = {}
  for (const [key, one] of list.filter(isRecord).flatMap((entry) => Object.entries(entry)))
    if (key === 'ignore_case') ignore.case = one
    else if (key === 'ignore_punctuation') ignore.punctuation = one
    else if (!ofMetrics.has(key)) found[key] = one
  return Object.keys(ignore).length > 0 ? { ...found, ignore } : found
}

/** How answers are made: always the likeliest token, so sampling is refused. */
function generationOf({ until, max_gen_toks: maxTokens, ...rest }: Record<string, unknown>): Record<string, unknown> {
  const { do_sample: sample, temperature, ...others } = rest
  return {
    ...(until === undefined ? {} : { stop: Array.isArray(until) ? until : [until] }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(sample === true && temperature !== 0 ? { do_sample: sample } : {}),
    ...others,
  }
}

/** A task in the words of lm-evaluation-harness, in ours; anything else as it is. What has no counterpart stays, and is refused by name. */
export function fromLmEval(value: unknown): unknown {
  if (!isRecord(value) || !('output_type' in value || 'doc_to_text' in value)) return value
  const task: Record<string, unknown> = { kind: 'generate' }
  const shots: Record<string, unknown> = {}
  const { fewshot_delimiter: delimiter = '\n\n' } = value
  for (const [key, one] of Object.entries(value)) {
    if (ignored.has(key)) continue
    if (key === 'output_type') task.kind = kinds[String(one)] ?? one
    else if (key === 'num_fewshot') shots.count = one
    else if (key === 'fewshot_delimiter') shots.separator = one
    else if (key === 'metric_list' && Array.isArray(one)) Object.assign(task, metricsOf(one))
    else if (key === 'generation_kwargs' && isRecord(one)) Object.assign(task, generationOf(one))
    else task[names[key] ?? key] = one
  }
  // Where it names no end, the harness ends an answer where a shot ends; and it compares white space too.
  if (task.kind === 'generate') Object.assign(task, { stop: task.stop ?? [delimiter], trim: false })
  // A bare name is a field of the record.
  for (const key of ['prompt', 'answer', 'choices'])
    if (typeof task[key] === 'string' && /^[A-Za-z_]\w*$/.test(task[key])) task[key] = `{{${task[key]}}}`
  // The harness calls the text of a rolling task its target.
  const { answer, ...rest } = task
  const read = task.kind === 'rolling' && answer !== undefined ? { ...rest, prompt: answer } : task
  return 'count' in shots ? { ...read, shots } : read
}
