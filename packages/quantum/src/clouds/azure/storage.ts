import { badAnswer, cloudRequest, type RequestOptions } from '../request.js'
import { Secret } from '../secret.js'

/** Gets a fresh signed address; called again when the last one has expired. */
export type Sign = () => Promise<Secret>

const version = { 'x-ms-version': '2021-08-06' }
const service = 'Azure Storage'

/** Does something with a signed address, once more with a fresh one when storage says that the signature does not hold (any more). */
async function signed<T extends { status: number }>(
  sign: Sign,
  attempt: (address: Secret, last: boolean) => Promise<T>,
): Promise<T> {
  const first = await attempt(await sign(), false)
  return first.status === 403 ? attempt(await sign(), true) : first
}

/** Makes the container of a job; one that is there already is fine. */
export async function createContainer(sign: Sign, options: RequestOptions): Promise<Secret> {
  let used = new Secret('')
  await signed(sign, (address, last) => {
    used = address
    const url = new URL(address.reveal())
    url.searchParams.set('restype', 'container')
    return cloudRequest(
      {
        service,
        method: 'PUT',
        url: new Secret(url.href),
        headers: { ...version, 'content-length': '0' },
        accept: last ? [409] : [409, 403],
      },
      options,
    )
  })
  return used
}

/** The address of a blob of a container, signed as the container is. */
export function blobIn(container: Secret, name: string): Secret {
  const url = new URL(container.reveal())
  url.pathname += `/${name}`
  return new Secret(url.href)
}

export async function putBlob(sign: Sign, content: Uint8Array, contentType: string, options: RequestOptions): Promise<void> {
  await signed(sign, (url, last) =>
    cloudRequest(
      {
        service,
        method: 'PUT',
        url,
        headers: { ...version, 'x-ms-blob-type': 'BlockBlob', 'content-type': contentType },
        body: content,
        accept: last ? [] : [403],
      },
      options,
    ),
  )
}

export async function getBlob(sign: Sign, options: RequestOptions): Promise<Uint8Array> {
  const { bytes } = await signed(sign, (url, last) =>
    cloudRequest({ service, method: 'GET', url, headers: version, accept: last ? [] : [403] }, options),
  )
  return bytes
}

/** An address without its signature, as jobs name their input. */
export function unsigned(address: Secret): string {
  const { origin, pathname } = new URL(address.reveal())
  return origin + pathname
}

/** A signed address that came in an answer. */
export function signedAddress(text: string): Secret {
  if (!URL.canParse(text)) throw badAnswer('an address of storage is none')
  return new Secret(text)
}
