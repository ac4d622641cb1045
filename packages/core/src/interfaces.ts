import type { ChatMessage, ToolCall, ToolDefinition } from './chat.js'
import type { TrainingConfig } from './config/schema.js'
import type { RunEvent } from './events.js'
import type { PackedRow } from './examples.js'
import type { Run } from './run.js'
import type { TensorType } from './tensor.js'

/** Text ↔ token ids. */
export interface Tokenizer {
  readonly vocabularySize: number
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  /** Ids after which generation stops. */
  readonly endIds: ReadonlySet<number>
  readonly chatTemplate: string | undefined
  /** Adds no special tokens and reads none in the text unless `special` is set. */
  encode(text: string, options?: { special?: boolean }): Uint32Array
  decode(ids: Iterable<number>, options?: { special?: boolean }): string
  /** A decoder that holds back bytes until they are whole characters. */
  stream(options?: { special?: boolean }): { push(id: number): string; end(): string }
  /** What a token adds to a text that has begun, as bytes of UTF-8; undefined for special tokens, which add nothing. */
  bytes?(id: number): Uint8Array | undefined
  token(id: number): string | undefined
  id(token: string): number | undefined
}

/** A tool that is called in brackets: `[roll: perception]`. */
export interface CallableTool {
  readonly name: string
  /** Left out: any, or none. */
  readonly arguments?: readonly {
    readonly name: string
    readonly optional?: boolean | undefined
    /** The only texts that this argument can be. */
    readonly values?: readonly string[] | undefined
  }[]
}

/** What an answer is held to, token by token. */
export type Constraint =
  /** A JSON document that fits a JSON schema. */
  | { readonly schema: { readonly [key: string]: unknown } }
  /** A grammar as llama.cpp writes them (GBNF), from its rule `root` on. */
  | { readonly grammar: string }
  /** Free text whose square brackets are calls of these tools. */
  | { readonly calls: readonly CallableTool[] }

export interface GenerateOptions {
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly tools?: readonly ToolDefinition[]
  readonly constraint?: Constraint
  /** Told of every token of the answer before its text is passed on, by models that know their tokens. */
  readonly onToken?: (token: GeneratedToken) => void
  /** How many of the likeliest tokens `onToken` hears of in each place. */
  readonly alternatives?: number
  readonly signal?: AbortSignal
}

export interface TokenProbability {
  readonly id: number
  /** Natural logarithm of what the model gives it, whatever the temperature and the constraint. */
  readonly logProbability: number
}

export interface GeneratedToken extends TokenProbability {
  /** Likeliest first. */
  readonly alternatives: readonly TokenProbability[]
}

export interface Generation {
  readonly text: string
  readonly tokens: number
  /** Of the prompt, where the model says. */
  readonly promptTokens?: number
  /** Calls that the model made as data, apart from its text. */
  readonly toolCalls?: readonly ToolCall[] | undefined
  readonly why: 'end' | 'length' | 'stop'
  /** Kept from an earlier time: nothing was used for it now. */
  readonly remembered?: boolean
}

/** A prompt is a conversation, rendered by the model's own template, or plain text. */
export type Prompt = string | readonly ChatMessage[]

/** Must generate; the rest are capabilities that callers ask for. */
export interface LanguageModel {
  readonly name: string
  generate(prompt: Prompt, options?: GenerateOptions): Promise<Generation>
  /** The pieces of the answer; a generator may return the `Generation` that it was. */
  stream(prompt: Prompt, options?: GenerateOptions): AsyncIterable<string, unknown>
  readonly scoring?: Scoring
  readonly embedder?: Embedder
  readonly tokenizer?: Tokenizer
  /** Tokens of prompt and answer together. */
  readonly contextLength?: number
  readonly statistics?: Statistics
  close(): Promise<void>
}

/** Natural-log probabilities of given tokens. */
export interface Scoring {
  readonly vocabularySize: number
  /** log p(ids[i] | ids[<i]) for i ≥ 1; entry 0 is NaN. */
  score(ids: ArrayLike<number>, options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>
  /** Log-probabilities of every next token after each position, [length, vocabulary]. */
  distributions(ids: ArrayLike<number>, options?: { signal?: AbortSignal | undefined }): Promise<Float32Array>
  /** Several continuations of one context, which is read once; neither is empty. */
  continuations?(
    context: ArrayLike<number>,
    continuations: readonly ArrayLike<number>[],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<readonly Continuation[]>
}

/** How likely a continuation is. */
export interface Continuation {
  /** log p of each of its tokens. */
  readonly logs: Float32Array
  /** Each of its tokens is the likeliest one there; of equal ones the first. */
  readonly greedy: boolean
}

/** How far the next-token distributions of a model `q` lie from those of `p` on a text. */
export interface Divergence {
  /** Mean over positions of KL(p‖q) of the next-token distributions, in nats. */
  readonly mean: number
  readonly median: number
  /** 99 of 100 positions lie below it. */
  readonly percentile99: number
  readonly max: number
  /** Share of positions where both models rank the same token first. */
  readonly topAgreement: number
  readonly positions: number
  /** exp(−mean log p) of each model on the tokens that follow, where one does. */
  readonly perplexity: { readonly p: number; readonly q: number }
}

export interface CollectOptions {
  /** Of output.weight as well. */
  readonly output?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: { readonly rows: number; readonly tokens: number }) => void) | undefined
}

/** What a model did with some text. */
export interface CollectedStatistics {
  /** By the name of a weight as files have it: Σ of the squares of its inputs by column, and over how many tokens. */
  readonly inputs: ReadonlyMap<string, { readonly sums: Float32Array; readonly counts: Float32Array }>
  /** By layer the mean cosine between what enters and what leaves it; near 1: the layer changes little. */
  readonly cosines: Float64Array
  readonly rows: number
  readonly tokens: number
}

/** What the inputs of a model's matrices look like. */
export interface Statistics {
  /** Reads rows of token ids, each from an empty context. */
  collect(
    rows: Iterable<ArrayLike<number>> | AsyncIterable<ArrayLike<number>>,
    options?: CollectOptions,
  ): Promise<CollectedStatistics>
}

/** What quantisation and pruning ask of an engine. */
export interface ModelEngine {
  readonly scoring: Scoring
  readonly statistics: Statistics
}

export interface Embedder {
  readonly dimensions: number
  embed(texts: readonly string[], options?: { signal?: AbortSignal | undefined }): Promise<Float32Array[]>
}

export interface TrainResult {
  readonly output: string
  readonly adapter?: { readonly path: string }
  readonly model?: { readonly path: string }
  readonly metrics: { readonly loss: number | null; readonly steps: number; readonly tokens: number }
}

/** Rows to train on, by index, so that order and position are data and resume is exact. */
export interface RowSource {
  readonly length: number
  row(index: number): PackedRow
}

export interface Trainer {
  train(config: TrainingConfig, options?: { signal?: AbortSignal }): Run<RunEvent, TrainResult>
}

/** Encodes rows of float32 into blocks of a type. `decode` is the definition of what the bytes mean. */
export interface QuantMethod {
  readonly name: string
  readonly type: TensorType
  readonly blockSize: number
  readonly blockBytes: number
  /** One row: `values.length` is a multiple of `blockSize`. */
  encode(values: Float32Array, out: Uint8Array, importance?: Float32Array): void
  decode(blocks: Uint8Array, out: Float32Array): void
}

/** Minimises xᵀQx over bits. */
export interface Solver {
  readonly name: string
  solve(
    problem: { readonly variables: number; readonly terms: Iterable<readonly [number, number, number]> },
    options?: { time?: number; seed?: number; signal?: AbortSignal },
  ): Promise<{ energy: number; solution: Uint8Array }>
}

export interface Tool {
  readonly definition: ToolDefinition
  run(input: Readonly<Record<string, unknown>>, options?: { signal?: AbortSignal }): Promise<string>
}

/** What one program may use; what is left out is the executor's choice. */
export interface ExecutionLimits {
  readonly wallSeconds: number
  /** Of all its processes together. */
  readonly cpuSeconds: number
  /** Of one process, and of all together. */
  readonly memoryBytes: number
  readonly processes: number
  readonly openFiles: number
  /** The largest file. */
  readonly fileBytes: number
  /** All files together. */
  readonly diskBytes: number
  /** Of standard output and of standard error, each. */
  readonly outputBytes: number
}

export type ProgramLanguage = 'python' | 'javascript' | 'typescript' | 'shell'

/** A program to run: a language with its files, or a command. */
export interface Program {
  readonly language?: ProgramLanguage
  /** The program's text: the content of `entry`. */
  readonly code?: string
  /** The file that is run; default main.py, main.mjs, main.ts, main.sh. */
  readonly entry?: string
  /** Instead of a language: a program of the system and its arguments. */
  readonly command?: readonly string[]
  /** Behind the program's name. */
  readonly args?: readonly string[]
  /** What lies in its working folder, by relative path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly stdin?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly limits?: Partial<ExecutionLimits>
  readonly signal?: AbortSignal
}

export interface Execution {
  /** 128 + the signal's number when a signal ended it; null when a limit did. */
  readonly exitCode: number | null
  /** `exited`, or the limit that it went over. */
  readonly ended: 'exited' | 'wall' | 'cpu' | 'memory' | 'processes' | 'disk' | 'output'
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

/** Runs programs where they can do no harm. Rejects when it cannot, or when aborted; a program that fails is a result. */
export interface Executor {
  run(program: Program): Promise<Execution>
}
