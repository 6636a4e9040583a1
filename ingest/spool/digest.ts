// What tells bodies apart, and intact ones from damaged: AES-GMAC (NIST SP 800-38D), 128 bits, which processors compute
// ten times as fast as SHA-256. The key is no secret. Whoever makes two bodies of one digest has lost the second of them.

import { createCipheriv } from 'node:crypto'

export const DIGEST_BYTES = 16

const KEY = Buffer.from('cyclewatch spool')
const NONCE = Buffer.alloc(12)

export function digestOf(body: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-gcm', KEY, NONCE)
  cipher.setAAD(body)
  cipher.final()
  return cipher.getAuthTag()
}
