// From a checked body to stored rows.

import { createHash } from 'node:crypto'
import type { Database } from '#storage/client.ts'
import { insertTraces } from '#storage/spans.ts'
import type { Store } from './routes.ts'

/** The digest of a body is its deduplication token, so that a client's retry after a lost answer writes once. */
export function storeOnce(db: Database): Store {
  return (body, encoding) => insertTraces(db, body, encoding, createHash('sha256').update(body).digest('hex'))
}
