import type { Verb } from '../args/verb.js'

export interface VerbEntry {
  readonly name: string
  readonly summary: string
  load(): Promise<Verb>
}

/** Every verb; a verb's file is loaded when it is used. */
export const verbs: readonly VerbEntry[] = [
  { name: 'train', summary: 'Train a model or an adapter.', load: async () => (await import('./train.js')).train },
  {
    name: 'pipeline',
    summary: 'Everything from a folder of scenarios to a checked model.',
    load: async () => (await import('./pipeline.js')).pipeline,
  },
  {
    name: 'submit slurm',
    summary: 'Train on a cluster with Slurm.',
    load: async () => (await import('./submit-slurm.js')).submitSlurm,
  },
  {
    name: 'submit k8s',
    summary: 'Train on a cluster with Kubernetes.',
    load: async () => (await import('./submit-k8s.js')).submitK8s,
  },
  {
    name: 'submit status',
    summary: 'Say where a submitted training stands.',
    load: async () => (await import('./submit-status.js')).submitStatus,
  },
  {
    name: 'submit log',
    summary: 'Print what all processes of a submitted training said, as one log.',
    load: async () => (await import('./submit-log.js')).submitLog,
  },
  {
    name: 'submit cancel',
    summary: 'End a submitted training.',
    load: async () => (await import('./submit-cancel.js')).submitCancel,
  },
  { name: 'generate', summary: 'Let a model answer a prompt.', load: async () => (await import('./generate.js')).generate },
  { name: 'chat', summary: 'Talk with a model.', load: async () => (await import('./chat.js')).chat },
  { name: 'serve', summary: 'Serve a model over HTTP, as OpenAI does.', load: async () => (await import('./serve.js')).serve },
  {
    name: 'data parse',
    summary: 'Read a scenario, or bring records to one form.',
    load: async () => (await import('./data-parse.js')).dataParse,
  },
  {
    name: 'data validate',
    summary: 'Find the mistakes in training data.',
    load: async () => (await import('./data-validate.js')).dataValidate,
  },
  {
    name: 'data fix',
    summary: 'Correct the mistakes in training data that need no judgement.',
    load: async () => (await import('./data-fix.js')).dataFix,
  },
  {
    name: 'data stats',
    summary: 'Say what a training would see of your data.',
    load: async () => (await import('./data-stats.js')).dataStats,
  },
  {
    name: 'data prepare',
    summary: 'Tokenise, mask and pack data once, into shards that trainings read without copying.',
    load: async () => (await import('./data-prepare.js')).dataPrepare,
  },
  {
    name: 'data dedup',
    summary: 'Leave out records that are nearly the same as an earlier one.',
    load: async () => (await import('./data-dedup.js')).dataDedup,
  },
  {
    name: 'data split',
    summary: 'Split records into training and what is held out.',
    load: async () => (await import('./data-split.js')).dataSplit,
  },
  {
    name: 'data preview',
    summary: 'Show examples as the model will read them, and what is trained on.',
    load: async () => (await import('./data-preview.js')).dataPreview,
  },
  {
    name: 'data index',
    summary: 'Keep an index of what each scenario of a folder holds.',
    load: async () => (await import('./data-index.js')).dataIndex,
  },
  {
    name: 'data generate',
    summary: 'Make training examples from templates.',
    load: async () => (await import('./data-generate.js')).dataGenerate,
  },
  {
    name: 'data synthesise',
    summary: 'Have a model write examples, or say those that there are in other words.',
    load: async () => (await import('./data-synthesise.js')).dataSynthesise,
  },
  {
    name: 'data report',
    summary: 'Measure whether a dataset is worth training on.',
    load: async () => (await import('./data-report.js')).dataReport,
  },
  {
    name: 'data balance',
    summary: 'Give every category as many records.',
    load: async () => (await import('./data-balance.js')).dataBalance,
  },
  {
    name: 'data decontaminate',
    summary: 'Leave out records that share words with benchmarks.',
    load: async () => (await import('./data-decontaminate.js')).dataDecontaminate,
  },
  {
    name: 'data run',
    summary: 'Run a pipeline of data steps from a YAML file.',
    load: async () => (await import('./data-run.js')).dataRun,
  },
  {
    name: 'data diff',
    summary: 'Say what two datasets have in common, and what not.',
    load: async () => (await import('./data-diff.js')).dataDiff,
  },
  {
    name: 'eval tools',
    summary: 'Measure whether a model calls the right tools.',
    load: async () => (await import('./eval-tools.js')).evalTools,
  },
  {
    name: 'eval code',
    summary: 'Let a model write code, or take what is written, and run it in a sandbox.',
    load: async () => (await import('./eval-code.js')).evalCode,
  },
  {
    name: 'eval perplexity',
    summary: 'Measure how well a model predicts a text.',
    load: async () => (await import('./eval-perplexity.js')).evalPerplexity,
  },
  {
    name: 'eval divergence',
    summary: 'Compare a quantised model with its original.',
    load: async () => (await import('./eval-divergence.js')).evalDivergence,
  },
  {
    name: 'eval run',
    summary: 'Measure a model with suites and write a report.',
    load: async () => (await import('./eval-run.js')).evalRun,
  },
  {
    name: 'eval compare',
    summary: 'Say whether one run is better than another.',
    load: async () => (await import('./eval-compare.js')).evalCompare,
  },
  {
    name: 'eval rate',
    summary: 'Let people say which of two answers is better, without knowing whose.',
    load: async () => (await import('./eval-rate.js')).evalRate,
  },
  { name: 'bench', summary: 'Measure speed and memory of a model file.', load: async () => (await import('./bench.js')).bench },
  {
    name: 'doctor',
    summary: 'Look at this machine: what is fine, what is missing, what to do.',
    load: async () => (await import('./doctor.js')).doctor,
  },
  { name: 'init', summary: 'Begin a project that works.', load: async () => (await import('./init.js')).init },
  { name: 'inspect', summary: 'Show what a model file holds.', load: async () => (await import('./inspect.js')).inspect },
  {
    name: 'convert',
    summary: 'Convert between GGUF files and Hugging Face folders.',
    load: async () => (await import('./convert.js')).convert,
  },
  {
    name: 'merge',
    summary: 'Merge adapters into their base model, or models with each other.',
    load: async () => (await import('./merge.js')).merge,
  },
  {
    name: 'merge extract',
    summary: 'Make an adapter of what a tuned model has learned.',
    load: async () => (await import('./merge-extract.js')).mergeExtract,
  },
  {
    name: 'imatrix',
    summary: 'Compute an importance matrix: what matters in a model, for qt quantize.',
    load: async () => (await import('./imatrix.js')).imatrix,
  },
  { name: 'quantize', summary: 'Make a model smaller.', load: async () => (await import('./quantize.js')).quantize },
  {
    name: 'prune',
    summary: 'Take out of a model what it uses least: layers, channels, heads.',
    load: async () => (await import('./prune.js')).prune,
  },
  { name: 'check', summary: 'Check a model file from end to end.', load: async () => (await import('./check.js')).check },
  {
    name: 'solve',
    summary: 'Minimise a QUBO, an Ising model, or cut a graph.',
    load: async () => (await import('./solve.js')).solve,
  },
  {
    name: 'optimize bits',
    summary: 'Choose a type for every tensor under a size, counting how they act together.',
    load: async () => (await import('./optimize-bits.js')).optimizeBits,
  },
  {
    name: 'optimize data',
    summary: 'Select training examples under a budget of tokens.',
    load: async () => (await import('./optimize-data.js')).optimizeData,
  },
  {
    name: 'optimize adapters',
    summary: 'Say which matrices get an adapter, and of which rank.',
    load: async () => (await import('./optimize-adapters.js')).optimizeAdapters,
  },
  {
    name: 'optimize layers',
    summary: 'Say which layers to leave out of a model, counting how they act together.',
    load: async () => (await import('./optimize-layers.js')).optimizeLayers,
  },
  {
    name: 'optimize heads',
    summary: 'Say which attention heads to leave out of each layer, counting how they act together.',
    load: async () => (await import('./optimize-heads.js')).optimizeHeads,
  },
  {
    name: 'optimize schedule',
    summary: 'Say which training job runs when, and on which machine.',
    load: async () => (await import('./optimize-schedule.js')).optimizeSchedule,
  },
  {
    name: 'optimize train',
    summary: 'Train in stages, and decide before each what it sees more of and what it trains.',
    load: async () => (await import('./optimize-train.js')).optimizeTrain,
  },
  { name: 'tokenize', summary: 'Turn text into token ids.', load: async () => (await import('./tokenize.js')).tokenize },
  {
    name: 'tokenizer train',
    summary: 'Train a tokenizer on your text.',
    load: async () => (await import('./tokenizer-train.js')).tokenizerTrain,
  },
  {
    name: 'tokenizer extend',
    summary: 'Add tokens to a tokenizer: learned from your text, or special ones.',
    load: async () => (await import('./tokenizer-extend.js')).tokenizerExtend,
  },
]
