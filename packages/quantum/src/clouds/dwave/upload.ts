import { createHash } from 'node:crypto'
import { answerOf } from '../request.js'
import type { Call } from './client.js'
import { uploadSchema, uploadStatusSchema } from './schemas.js'

const partBytes = 5 * 1024 * 1024

/** Uploads a model in parts; `id` of an upload that was interrupted goes on with the parts that are missing. */
export async function uploadModel(call: Call, content: Uint8Array, id?: string): Promise<string> {
  const upload = id ?? answerOf(await call('POST', 'bqm/multipart', { size: content.length }), uploadSchema, 'the upload').id
  const path = `bqm/multipart/${encodeURIComponent(upload)}`
  const there = new Map<number, string>()
  if (id !== undefined) {
    const { status, parts } = answerOf(await call('GET', `${path}/status`), uploadStatusSchema, 'the state of the upload')
    if (status === 'UPLOAD_COMPLETED') return upload
    for (const { part_number, checksum } of parts ?? []) there.set(part_number, checksum.replaceAll('"', ''))
  }
  const sums: Buffer[] = []
  for (let part = 1, at = 0; at < content.length || part === 1; part++, at += partBytes) {
    const bytes = content.subarray(at, at + partBytes)
    const sum = createHash('md5').update(bytes).digest()
    sums.push(sum)
    if (there.get(part) === sum.toString('hex')) continue
    await call('PUT', `${path}/part/${part}`, bytes, { 'content-md5': sum.toString('base64') })
  }
  const checksum = createHash('md5').update(Buffer.concat(sums)).digest('hex')
  await call('POST', `${path}/combine`, { checksum })
  return upload
}
