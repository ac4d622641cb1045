import { messageOf, QtError, usageError } from '@qt/core'

export interface HubConnection {
  readonly endpoint: string
  readonly token: string | undefined
  readonly signal: AbortSignal | undefined
}

/** One request to the hub; what went wrong becomes an error that says what to do. Redirects are left to the caller when asked. */
export async function hubRequest(
  connection: HubConnection,
  url: string,
  repository: string,
  init: { method?: 'GET' | 'HEAD'; headers?: Record<string, string>; redirect?: 'follow' | 'manual' } = {},
): Promise<Response> {
  // The token belongs to the hub, not to the storage that it redirects to.
  const own = url.startsWith(`${connection.endpoint}/`) && connection.token !== undefined
  const headers = { ...init.headers, ...(own ? { authorization: `Bearer ${connection.token}` } : {}) }
  let response: Response
  try {
    response = await fetch(url, {
      method: init.method ?? 'GET',
      redirect: init.redirect ?? 'follow',
      headers: { 'user-agent': 'qt-weights', ...headers },
      ...(connection.signal ? { signal: connection.signal } : {}),
    })
  } catch (cause) {
    connection.signal?.throwIfAborted()
    throw offline(connection.endpoint, cause)
  }
  if (response.status < 400 || response.status === 416) return response
  await response.body?.cancel()
  throw refusal(response, repository, connection)
}

const offline = (endpoint: string, cause: unknown) =>
  new QtError({
    code: 'HUB_UNREACHABLE',
    message: `The hub at ${endpoint} cannot be reached: ${messageOf(cause)}.`,
    actions: ['Check the network, then run the same command again: downloads resume.', 'Set HF_ENDPOINT if you use a mirror.'],
    cause,
  })

function refusal(response: Response, repository: string, { endpoint, token }: HubConnection): QtError {
  const { status } = response
  const reason = response.headers.get('x-error-code') ?? ''
  const page = `${endpoint}/${repository}`
  if (reason === 'GatedRepo' || status === 403)
    return usageError('HUB_GATED', `${repository} is gated: its owner asks you to accept conditions first.`, {
      actions: [
        `Open ${page} signed in, and accept the conditions.`,
        ...(token === undefined
          ? ['Then set HF_TOKEN to a token of your account.']
          : ['Use a token of the account that was given access.']),
      ],
    })
  if (status === 401)
    return usageError('HUB_UNAUTHORISED', `${repository} does not exist or is private.`, {
      actions: [
        'Check the spelling of owner/name.',
        token === undefined
          ? 'If it is private, set HF_TOKEN to a token that may read it.'
          : 'Check that HF_TOKEN is valid and may read it.',
      ],
    })
  if (status === 404) {
    const what =
      reason === 'RevisionNotFound' ? 'has no such revision' : reason === 'EntryNotFound' ? 'has no such file' : 'does not exist'
    return usageError('HUB_NOT_FOUND', `${repository} ${what} (${new URL(response.url).pathname}).`, {
      actions: [
        'Check the spelling of owner/name, @revision and :file.',
        'If it is private, set HF_TOKEN to a token that may read it.',
      ],
    })
  }
  return new QtError({
    code: 'HUB_FAILED',
    message: `The hub answered ${status} ${response.statusText} for ${repository}.`,
    actions: ['Try again in a while: downloads resume.'],
  })
}
