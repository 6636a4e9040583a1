// A process of its own that uses a store's file until it is killed. Each value says what its key is, so that a reader can
// tell a torn one: node sqlite-writer.ts FILE MAX_BYTES

import { sqliteStore } from '#collector/cache/sqlite-store.ts'

const [, , file = '', maxBytes] = process.argv
const store = sqliteStore(file, { maxBytes: Number(maxBytes) })
let wrong = 0
let said = false
for (;;) {
  const key = `key ${Math.floor(Math.random() * 50)}`
  try {
    const found = (await store.get(key)) as Uint8Array | undefined
    if (
      found &&
      !Buffer.from(found)
        .toString()
        .split(',')
        .every((part) => part === key || part === '')
    )
      wrong += 1
    store.set(key, Buffer.from(`${key},`.repeat(1 + Math.floor(Math.random() * 2_000))), { ttlMs: 60_000 })
  } catch (error) {
    // Another one may be writing for longer than a store waits.
    if ((error as { errcode?: number }).errcode !== 5) throw error
  }
  if (!said) process.stdout.write('writing\n')
  said = true
  if (wrong > 0) process.exit(1)
  await new Promise((resolve) => setImmediate(resolve))
}
