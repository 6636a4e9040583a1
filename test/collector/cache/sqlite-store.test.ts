import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type SqliteStore, sqliteStore } from '#collector/cache/sqlite-store.ts'
import { carefully } from '#collector/cache/stores.ts'
import { fetching, finally_, startUpstream, tempFolder } from '#test/collector/cache/caching.ts'

const WRITER = join(import.meta.dirname, 'sqlite-writer.ts')
const MAX_BYTES = 512 * 1_024

function open(file = join(tempFolder(), 'cache.db'), maxBytes = MAX_BYTES, now?: () => number): SqliteStore {
  const store = sqliteStore(file, { maxBytes }, now)
  finally_(() => store.close())
  return store
}

function textOf(found: unknown): string | undefined {
  return found ? Buffer.from(found as Uint8Array).toString() : undefined
}

test('keeps what it was given, until its time is over, also for who opens the file next', () => {
  const file = join(tempFolder(), 'deep', 'cache.db')
  let now = 1e12
  const store = open(file, MAX_BYTES, () => now)
  store.set('a', Buffer.from('seven'), { ttlMs: 1_000 })
  store.set('b', new Uint8Array(0), { ttlMs: 60_000 })
  store.close()
  const next = open(file, MAX_BYTES, () => now)
  expect(textOf(next.get('a'))).toBe('seven')
  expect((next.get('b') as Uint8Array).byteLength).toBe(0)
  now += 1_001
  expect(next.get('a')).toBeUndefined()
  next.delete('b')
  expect(next.get('b')).toBeUndefined()
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('serves in the next run what a run before it fetched', async () => {
  const file = join(tempFolder(), 'cache.db')
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end('seven'),
  )
  for (const cache of ['miss', 'fresh']) {
    const store = open(file)
    expect(await fetching({ store }).get(url)).toMatchObject({ cache, text: 'seven' })
    store.close()
  }
  expect(heard).toHaveLength(1)
})

test('stays within its bound, large and small entries alike, and keeps the newest', () => {
  const file = join(tempFolder(), 'cache.db')
  const store = open(file)
  for (let turn = 0; turn < 600; turn += 1) {
    const size = [10, 3_000, 60_000][turn % 3] as number
    store.set(`key ${turn}`, Buffer.alloc(size, turn), { ttlMs: 60_000 })
    expect((store.get(`key ${turn}`) as Uint8Array).byteLength).toBe(size)
  }
  expect(statSync(file).size).toBeLessThanOrEqual(MAX_BYTES)
  store.close()
  expect(statSync(file).size).toBeLessThanOrEqual(MAX_BYTES)
  // Room was made for the next, not for all to come.
  expect(statSync(file).size).toBeGreaterThan(MAX_BYTES / 2)
})

test('does not keep what is too large, nor what that was to replace', () => {
  const store = open()
  store.set('a', Buffer.from('seven'), { ttlMs: 60_000 })
  store.set('a', Buffer.alloc(MAX_BYTES / 8 + 1), { ttlMs: 60_000 })
  expect(store.get('a')).toBeUndefined()
})

test('several processes on one file, some killed: no value is torn, the file stays whole', async () => {
  const file = join(tempFolder(), 'cache.db')
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', WRITER, file, String(MAX_BYTES)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), once(child, 'exit')])
    return child
  }
  for (let round = 0; round < 3; round += 1) {
    const children = await Promise.all([start(), start()])
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect(children.map(({ exitCode }) => exitCode)).toEqual([null, null])
    for (const child of children) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const store = open(file)
    store.set('after', Buffer.from('seven'), { ttlMs: 60_000 })
    expect(textOf(store.get('after'))).toBe('seven')
    store.close()
    const database = new DatabaseSync(file)
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(Number(database.prepare('SELECT count(*) AS n FROM cyclewatch_cache').get()?.n)).toBeGreaterThan(1)
    database.close()
    expect(existsSync(`${file}.corrupt`)).toBe(false)
    expect(statSync(file).size).toBeLessThanOrEqual(MAX_BYTES)
  }
})

test('begins a damaged file anew, and sets the old one aside', () => {
  const file = join(tempFolder(), 'cache.db')
  const store = open(file)
  for (let turn = 0; turn < 50; turn += 1) store.set(`key ${turn}`, Buffer.alloc(3_000), { ttlMs: 60_000 })
  store.close()
  const bytes = readFileSync(file)
  // All but the first page's head, which says whose file it is.
  bytes.fill(0xff, 120)
  writeFileSync(file, bytes)
  const next = open(file)
  expect(next.get('key 7')).toBeUndefined()
  next.set('key 7', Buffer.from('seven'), { ttlMs: 60_000 })
  expect(textOf(next.get('key 7'))).toBe('seven')
  expect(existsSync(`${file}.corrupt`)).toBe(true)
})

const FOREIGN: { name: string; make: (file: string) => void }[] = [
  { name: 'a text', make: (file) => writeFileSync(file, 'dear diary, '.repeat(1_000)) },
  {
    name: 'another database',
    make(file) {
      const database = new DatabaseSync(file)
      database.exec("CREATE TABLE diary (text TEXT); INSERT INTO diary VALUES ('dear')")
      database.close()
    },
  },
  { name: 'a folder', make: (file) => mkdirSync(file) },
]

test.each(FOREIGN)('leaves $name alone, and fetching goes on', async ({ make }) => {
  const file = join(tempFolder(), 'diary')
  make(file)
  const before = statSync(file).isFile() ? readFileSync(file) : null
  const store = open(file)
  expect(() => store.get('a')).toThrow()
  const { url, heard } = await startUpstream((response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end('seven'),
  )
  const { get } = fetching({ store })
  for (let turn = 0; turn < 2; turn += 1) expect(await get(url)).toMatchObject({ text: 'seven', cache: 'miss' })
  expect(heard).toHaveLength(2)
  if (before) expect(readFileSync(file).equals(before)).toBe(true)
  expect(existsSync(`${file}.corrupt`)).toBe(false)
})

test('goes on in a new file when somebody takes the old one away', () => {
  const file = join(tempFolder(), 'cache.db')
  const store = open(file)
  store.set('a', Buffer.from('seven'), { ttlMs: 60_000 })
  const other = open(file)
  other.close()
  for (const end of ['', '-wal', '-shm']) spawnSync('rm', ['-f', `${file}${end}`])
  expect(store.get('a')).toBeUndefined()
  store.set('a', Buffer.from('eight'), { ttlMs: 60_000 })
  expect(textOf(open(file).get('a'))).toBe('eight')
})

test('a full disk is a miss', () => {
  const file = join(tempFolder(), 'cache.db')
  const script = `
    import { carefully } from '#collector/cache/stores.ts'
    import { sqliteStore } from '#collector/cache/sqlite-store.ts'
    const store = sqliteStore(process.argv[1], { maxBytes: 8_388_608 })
    const careful = carefully(store)
    let kept = 0
    let threw = 0
    for (let turn = 0; turn < 50; turn += 1) {
      try { store.set('key ' + turn, Buffer.alloc(50_000), { ttlMs: 60_000 }) } catch { threw += 1 }
      await careful.set('key ' + turn, Buffer.alloc(50_000), 60_000)
      if (await careful.get('key ' + turn)) kept += 1
    }
    console.log(JSON.stringify({ kept, threw }))`
  // No file may grow beyond 512 blocks of 1,024 bytes.
  const shell =
    'ulimit -f 512; exec "$0" --disable-warning=ExperimentalWarning --input-type=module-typescript -e "$1" "$2"'
  const { stdout, status, stderr } = spawnSync('bash', ['-c', shell, process.execPath, script, file], {
    encoding: 'utf8',
    cwd: join(import.meta.dirname, '../../..'),
  })
  expect([status, stderr]).toEqual([0, ''])
  const { kept, threw } = JSON.parse(stdout)
  expect(kept).toBeGreaterThan(0)
  expect(threw).toBeGreaterThan(0)
})

test('another’s long write is not waited for', async () => {
  const file = join(tempFolder(), 'cache.db')
  const store = open(file)
  store.set('a', Buffer.from('seven'), { ttlMs: 60_000 })
  const other = new DatabaseSync(file)
  other.exec('BEGIN IMMEDIATE')
  expect(textOf(store.get('a'))).toBe('seven')
  expect(() => store.set('a', Buffer.from('eight'), { ttlMs: 60_000 })).toThrow('locked')
  await carefully(store).set('a', Buffer.from('eight'), 60_000)
  other.exec('COMMIT')
  other.close()
  store.set('a', Buffer.from('nine'), { ttlMs: 60_000 })
  expect(textOf(store.get('a'))).toBe('nine')
})

test.each([
  { file: '', maxBytes: MAX_BYTES, says: 'needs the path of its file' },
  {
    file: 'x',
    maxBytes: 1_000,
    says: 'maxBytes of an SQLite store is 1000; it must be a whole number of bytes from 131072',
  },
])('refuses $file $maxBytes', ({ file, maxBytes, says }) => {
  expect(() => sqliteStore(file, { maxBytes })).toThrow(says)
})
