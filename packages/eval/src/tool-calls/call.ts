/** A call as it stands in a text: `[health: Mira, -4]`. */
export interface BracketCall {
  /** Lower case, single spaces: `begin combat`. */
  readonly name: string
  /** As written, without quotes around them. */
  readonly arguments: readonly string[]
}

/** A tool that texts may call. The declarations of scenarios in `@qt/data` fit. */
export interface BracketTool {
  readonly name: string
  readonly arguments?: readonly { readonly name: string; readonly optional?: boolean | undefined }[]
}

/** `[health: Mira, -4]` */
export const printCall = ({ name, arguments: given }: BracketCall): string =>
  given.length === 0 ? `[${name}]` : `[${name}: ${given.join(', ')}]`
