// The section `ingest` of cyclewatch.yaml.

import { z } from 'zod'
import { listenConfig } from '#model/listen.ts'

export const ingestConfig = z.strictObject({
  listen: listenConfig('127.0.0.1:4318'),
  /** Of a request's body, before and after decompression. The default is the one OTLP recommends. */
  maxBodyBytes: z
    .int()
    .min(1)
    .max(2 ** 30)
    .default(67_108_864),
})
