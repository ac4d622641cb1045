import { setTimeout as pause } from 'node:timers/promises'
import { QtError } from '@qt/core'
import { z } from 'zod'
import { answerOf, cloudRequest, type RequestOptions } from '../request.js'
import { Secret } from '../secret.js'

export const quantumScope = 'https://quantum.microsoft.com/.default'
export const managementScope = 'https://management.azure.com/.default'

/** Gives the headers that prove who asks. */
export interface AzureAccess {
  headers(scope: string, options: RequestOptions): Promise<Readonly<Record<string, Secret>>>
  /** A token was refused: the next call shall fetch another, where there are others. */
  renew(): void
}

/** With the key of a workspace. */
export const apiKeyAccess = (key: Secret): AzureAccess => ({
  headers: async () => ({ 'x-ms-quantum-api-key': key }),
  renew: () => {},
})

interface EntraOptions {
  readonly tenant: string
  readonly clientId: string
  /** https://login.microsoftonline.com unless given: other clouds have their own. */
  readonly authority?: string | undefined
}

const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number(),
  refresh_token: z.string().optional(),
})
type Token = z.infer<typeof tokenSchema>
const refusalSchema = z.object({ error: z.string(), error_description: z.string().optional() })

/** As a program, with a client secret (Entra ID, client credentials). */
export const clientCredentialAccess = ({
  clientSecret,
  ...entra
}: EntraOptions & { readonly clientSecret: Secret }): AzureAccess =>
  tokenAccess((scope, options) =>
    requireToken(
      entra,
      { grant_type: 'client_credentials', client_id: entra.clientId, client_secret: clientSecret.reveal(), scope },
      options,
    ),
  )

export interface DeviceCode {
  readonly userCode: string
  readonly verificationUri: string
  /** What to tell the person, in one sentence. */
  readonly message: string
}

const deviceSchema = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  expires_in: z.coerce.number(),
  interval: z.coerce.number().optional(),
  message: z.string().optional(),
})

/** As a person: `onCode` shows a code, which is typed into a browser on any machine. Later tokens come from the first one's renewal. */
export function deviceCodeAccess(entra: EntraOptions & { readonly onCode: (code: DeviceCode) => void }): AzureAccess {
  let renewal: Secret | undefined
  return tokenAccess(async (scope, options) => {
    const client_id = entra.clientId
    const wanted = `${scope} offline_access`
    let token: Token | undefined
    if (renewal) {
      const answer = await askToken(
        entra,
        { grant_type: 'refresh_token', client_id, refresh_token: renewal.reveal(), scope: wanted },
        options,
      )
      if (!('error' in answer)) token = answer
    }
    token ??= await byDeviceCode(entra, client_id, wanted, options)
    if (token.refresh_token) renewal = new Secret(token.refresh_token)
    return token
  })
}

async function byDeviceCode(
  entra: EntraOptions & { readonly onCode: (code: DeviceCode) => void },
  client_id: string,
  scope: string,
  options: RequestOptions,
): Promise<Token> {
  const answer = await cloudRequest(form(entra, 'devicecode', { client_id, scope }), options)
  const {
    device_code,
    user_code,
    verification_uri,
    expires_in,
    interval = 5,
    message,
  } = answerOf(answer, deviceSchema, 'the device code')
  entra.onCode({
    userCode: user_code,
    verificationUri: verification_uri,
    message: message ?? `Open ${verification_uri} and enter the code ${user_code}.`,
  })
  const ends = performance.now() + 1000 * expires_in
  for (let wait = interval; performance.now() < ends; ) {
    await pause(1000 * wait, undefined, options.signal ? { signal: options.signal } : {})
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const token = await askToken(entra, { grant_type, client_id, device_code }, options)
    if (!('error' in token)) return token
    if (token.error === 'slow_down') wait += interval
    else if (token.error !== 'authorization_pending') throw signInFailed(token.error_description ?? token.error)
  }
  throw signInFailed('nobody entered the code in time')
}

/** Keeps a token of each scope until a minute before its end. */
function tokenAccess(fetchToken: (scope: string, options: RequestOptions) => Promise<Token>): AzureAccess {
  interface Kept {
    readonly secret: Secret
    readonly ends: number
  }
  // The promise, not the token: two calls at once shall not sign in twice.
  const kept = new Map<string, Promise<Kept>>()
  const fetched = async (scope: string, options: RequestOptions): Promise<Kept> => {
    const { access_token, expires_in } = await fetchToken(scope, options)
    return { secret: new Secret(`Bearer ${access_token}`), ends: Date.now() + 1000 * (expires_in - 60) }
  }
  const renewed = (scope: string, options: RequestOptions) => {
    const token = fetched(scope, options)
    kept.set(scope, token)
    // What failed is tried again by the next call.
    token.catch(() => {
      if (kept.get(scope) === token) kept.delete(scope)
    })
    return token
  }
  return {
    async headers(scope, options) {
      const present = kept.get(scope)
      const token = await (present ?? renewed(scope, options))
      if (token.ends >= Date.now()) return { authorization: token.secret }
      // Of several that wait one renews.
      const { secret } = await (kept.get(scope) === present
        ? renewed(scope, options)
        : (kept.get(scope) ?? renewed(scope, options)))
      return { authorization: secret }
    },
    renew() {
      kept.clear()
    },
  }
}

const form = (
  { tenant, authority = 'https://login.microsoftonline.com' }: EntraOptions,
  path: string,
  body: Record<string, string>,
) => ({
  service: 'Entra ID',
  method: 'POST' as const,
  url: `${authority}/${encodeURIComponent(tenant)}/oauth2/v2.0/${path}`,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(body).toString(),
  repeatable: true,
})

async function askToken(entra: EntraOptions, body: Record<string, string>, options: RequestOptions) {
  const answer = await cloudRequest({ ...form(entra, 'token', body), accept: [400, 401] }, options)
  return answer.status < 300 ? answerOf(answer, tokenSchema, 'the token') : answerOf(answer, refusalSchema, 'the refusal')
}

async function requireToken(entra: EntraOptions, body: Record<string, string>, options: RequestOptions): Promise<Token> {
  const token = await askToken(entra, body, options)
  if ('error' in token) throw signInFailed(token.error_description ?? token.error)
  return token
}

const signInFailed = (why: string) =>
  new QtError({
    code: 'CLOUD_SIGN_IN',
    message: `Signing in to Azure failed: ${why.split(/[\r\n]/)[0]}`,
    actions: ['Check the tenant, the client id and its secret, and that the client may use the workspace.'],
  })
