// Requests of spans, stored without a gateway.

import { randomUUID } from 'node:crypto'
import type { Database } from '#storage/client.ts'
import { insertBodies } from '#storage/inserts.ts'
import type { Encoding } from '#storage/signals.ts'

export async function insertTraces(
  db: Database,
  body: Buffer,
  encoding: Encoding = 'protobuf',
  token: string = randomUUID(),
): Promise<void> {
  await insertBodies(db, { signal: 'traces', encoding, token }, [body])
}
