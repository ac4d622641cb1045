/** ChatML: what the base model's tokenizer carries, with a turn of its own for the results of tools. */
export const chatTemplate =
  "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

/** Its special tokens, in the order of their ids. */
export const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const
