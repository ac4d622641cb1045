import { createHash } from 'node:crypto'
import { likelihoods } from '../likelihood/continuations.js'
import { scoringModel } from '../likelihood/model.js'
import { measureOf, rollingLikelihood } from '../likelihood/rolling.js'
import { one } from '../metric/metric.js'
import type { SuiteItem } from '../suite/suite.js'

/** How likely one continuation is: perplexity over items (not tokens), and whether the model would have said just that. */
export const likelihoodItem =
  ({ context, continuation }: { readonly context: string; readonly continuation: string }): SuiteItem['measure'] =>
  async (model, { signal }) => {
    const [result] = await likelihoods(scoringModel(model, 'A likelihood task'), context, [continuation], {
      greedy: true,
      signal,
    })
    const { logLikelihood, greedy } = result!
    return {
      scores: { perplexity: [-logLikelihood, 1], acc: one(greedy === true) },
      right: greedy === true,
      prompt: context,
      expected: continuation,
      explanation: `Log-likelihood ${logLikelihood.toFixed(3)}; ${greedy ? 'every' : 'not every'} token is the likeliest one.`,
    }
  }

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** A whole text: word and byte perplexity and bits per byte, all of one sum. */
export const rollingItem =
  ({ text, counted }: { readonly text: string; readonly counted: string | undefined }): SuiteItem['measure'] =>
  async (model, { signal }) => {
    const { logLikelihood, tokens } = await rollingLikelihood(scoringModel(model, 'Perplexity'), text, signal ? { signal } : {})
    const { words, bytes } = measureOf(counted ?? text)
    return {
      scores: {
        word_perplexity: [-logLikelihood, words],
        byte_perplexity: [-logLikelihood, bytes],
        bits_per_byte: [-logLikelihood / Math.LN2, bytes],
      },
      // Comparisons pair items that asked the same: a text that grew is another one.
      prompt: text.length > 400 ? `${text.slice(0, 400)} … (SHA-256 ${digest(text)})` : text,
      explanation: `${tokens} tokens, ${words} words, ${bytes} bytes; log-likelihood ${logLikelihood.toFixed(3)}.`,
    }
  }
