// The section `ingest` of cyclewatch.yaml.

import { z } from 'zod'
import { messageOf } from '#model/errors.ts'
import { parseListen } from '#model/listen.ts'

const listen = z
  .string()
  .default('127.0.0.1:4318')
  .transform((text, context) => {
    try {
      return parseListen(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) })
      return z.NEVER
    }
  })

export const ingestConfig = z.strictObject({
  listen,
  /** Of a request's body, before and after decompression. The default is the one OTLP recommends. */
  maxBodyBytes: z
    .int()
    .min(1)
    .max(2 ** 30)
    .default(67_108_864),
})
