// The certificate and the key that ingest shows, out of the files that the configuration names.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Certificate } from '#api/server.ts'
import { readText } from '#cli/config/files.ts'
import type { Mistake } from '#cli/config/problems.ts'
import { BadInput } from '#model/errors.ts'

/** Absolute paths of PEM files. */
export type CertificateFiles = { cert: string; key: string }

/** Both as PEM text. Throws BadInput, naming the file, when they cannot be used together. */
export function readCertificate(files: CertificateFiles): Certificate {
  const [mistake] = certificateMistakes(files)
  if (mistake) throw new BadInput(`ingest.tls.${mistake.key}: ${mistake.message}`)
  return { cert: readText(files.cert) as string, key: readText(files.key) as string }
}

/** What is wrong with the files, at the path of the section. */
export function tlsMistakes(files: CertificateFiles): Mistake[] {
  return certificateMistakes(files).map(({ key, message }) => ({
    path: ['ingest', 'tls', key],
    part: 'value',
    message,
  }))
}

type FileMistake = { key: keyof CertificateFiles; message: string }

function certificateMistakes(files: CertificateFiles): FileMistake[] {
  const cert = readText(files.cert)
  const key = readText(files.key)
  const mistakes = [judge('cert', cert, certProblem), judge('key', key, keyProblem)].filter(
    (mistake) => mistake !== null,
  )
  if (mistakes.length > 0) return mistakes
  try {
    createSecureContext({ cert: cert as string, key: key as string })
    return []
  } catch {
    return [{ key: 'key', message: 'is not the key of the certificate in ingest.tls.cert' }]
  }
}

function judge(
  key: keyof CertificateFiles,
  text: ReturnType<typeof readText>,
  problemOf: (text: string) => string | null,
): FileMistake | null {
  const message = typeof text === 'string' ? problemOf(text) : `cannot be read: ${text.reason}`
  return message === null ? null : { key, message }
}

// What OpenSSL says of a broken file (`asn1 encoding routines::…`) helps nobody.
function certProblem(text: string): string | null {
  try {
    return new X509Certificate(text) && null
  } catch {
    return 'must be a certificate in PEM form (-----BEGIN CERTIFICATE-----)'
  }
}

function keyProblem(text: string): string | null {
  if (/ENCRYPTED/.test(text)) return 'is locked with a passphrase; write it without one (openssl pkey -in … -out …)'
  try {
    return createPrivateKey(text) && null
  } catch {
    return 'must be a private key in PEM form (-----BEGIN PRIVATE KEY-----)'
  }
}
