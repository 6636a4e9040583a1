// The sections `ingest` and `tokens` of cyclewatch.yaml.

import { z } from 'zod'
import { listenConfig } from '#model/listen.ts'
import { sizeConfig } from '#model/sizes.ts'

/** A file, relative to the configuration file until cli makes it absolute. */
const file = z.string().refine((path) => path.trim() !== '', 'must not be empty')

// Rules between keys run even when a key is wrong, so that one reading of the file reports every problem.
const ALWAYS = { when: () => true }

export const ingestConfig = z
  .strictObject({
    /** Beyond loopback only with a token: cli sees to that. TLS may as well be ended in front of it. */
    listen: listenConfig('127.0.0.1:4318'),
    /** Of a request's body, before and after decompression. The default is the one OTLP recommends. */
    maxBodyBytes: sizeConfig({ min: 1, max: 2 ** 30 }).prefault('64MiB'),
    /** How large the spool may grow while ClickHouse does not take its data. */
    spoolBytes: sizeConfig({ min: 1 }).prefault('10GB'),
    /** For each token, or for each address where there are none; decompressed. Null is no limit. */
    bytesPerSecond: sizeConfig({ min: 1_000 }).nullable().default(null),
    /** PEM files of the certificate chain and its private key. Null is plain HTTP. */
    tls: z.strictObject({ cert: file, key: file }).nullable().default(null),
    /** At once. */
    connections: z.int().min(1).max(1_000_000).default(1_000),
  })
  .superRefine(({ maxBodyBytes, spoolBytes }, { addIssue }) => {
    // A body that never fits would be refused for ever with "come back later".
    if (!(spoolBytes < maxBodyBytes)) return
    const message = `must be at least ingest.maxBodyBytes, which is ${maxBodyBytes} bytes`
    addIssue({ code: 'custom', path: ['spoolBytes'], message })
  }, ALWAYS)

const name = z
  .string()
  .min(1, 'must not be empty')
  .max(200, 'must not be longer than 200 characters')
  .refine((text) => !/\p{Cc}/u.test(text), 'must not hold line breaks or control characters')

/** It travels in a header, and guessing it must be hopeless. */
const secret = z
  .string()
  .min(16)
  .max(1_000)
  .regex(/^[!-~]*$/, 'must be printable ASCII characters without spaces: it is sent in a header')

const COMING = ['read', 'operate']

const role = z.enum(['ingest'], {
  error: ({ input }) =>
    COMING.includes(String(input))
      ? `${input} is not there yet; the only role is ingest`
      : 'must be ingest, the only role there is',
})

const token = z.strictObject({
  name,
  secret: secret.meta({ secret: true }),
  roles: z.array(role).min(1, 'must name a role: ingest'),
  /** The values of service.name it may send for; absent: all. */
  services: z.array(name).min(1, 'must name a service, or be left out to allow all').exactOptional(),
})

/** The section `tokens`. */
export const tokensConfig = z
  .array(token)
  .superRefine((tokens, { addIssue }) => {
    for (const [path, message] of repetitions(tokens)) addIssue({ code: 'custom', path, message })
  }, ALWAYS)
  .prefault([])

function repetitions(tokens: unknown): [path: (string | number)[], message: string][] {
  if (!Array.isArray(tokens)) return []
  return (['name', 'secret'] as const).flatMap((key) => {
    const values: unknown[] = tokens.map((one) => one?.[key])
    return values.flatMap((value, index): [(string | number)[], string][] => {
      const first = values.indexOf(value)
      return typeof value === 'string' && first < index
        ? [[[index, key], `is the ${key} of tokens[${first}] already`]]
        : []
    })
  })
}
