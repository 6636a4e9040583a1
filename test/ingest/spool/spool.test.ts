import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { IngestEvent } from '#ingest/events.ts'
import type { Insert } from '#ingest/spool/delivery.ts'
import { listQuarantine } from '#ingest/spool/quarantine.ts'
import { openSpool, type Spool, type SpoolOptions } from '#ingest/spool/spool.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

let folder: string
let spools: Spool[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spool-'))
  spools = []
})
afterEach(async () => {
  await Promise.all(spools.map((spool) => spool.close()))
  rmSync(folder, { recursive: true })
})

/** ClickHouse as the spool sees it: takes each token once, and what `mood` lets it. */
function fakeServer() {
  const stored = new Map<string, string[]>()
  const tokens: string[] = []
  const server = {
    mood: (_bodies: string[]): void => {},
    tokens,
    bodies: () => [...stored.values()].flat().sort(),
    insert: (async ({ token }, bodies) => {
      const texts = [...bodies].map(String)
      tokens.push(token)
      server.mood(texts)
      if (!stored.has(token)) stored.set(token, texts)
    }) satisfies Insert,
  }
  return server
}
type FakeServer = ReturnType<typeof fakeServer>

async function open(server: FakeServer, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const { insert } = server
  const spool = await openSpool({ folder, limitBytes: 1e6, insert, tell: () => {}, random: () => 0, ...options })
  spools.push(spool)
  return spool
}

const accepted = (text: string) => ({
  items: 1,
  days: [20_000],
  body: Buffer.from(text),
})
const send = (spool: Spool, ...texts: string[]) =>
  Promise.all(texts.map((text) => spool.accept('traces', 'json', accepted(text))))
const files = (ending: string) => readdirSync(folder).filter((file) => file.endsWith(ending))
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 10 })

const down = () => {
  throw new Unavailable('down')
}

test('stores what it accepted and keeps only the digests', async () => {
  const server = fakeServer()
  const spool = await open(server)
  expect(await send(spool, 'a', 'b')).toEqual(['written', 'written'])
  await eventually(() => expect(files('.segment')).toEqual([]))
  expect(server.bodies()).toEqual(['a', 'b'])
  expect(files('.stored')).toHaveLength(1)
  await eventually(() => expect(spool.state().waiting.traces).toEqual({ segments: 0, bytes: 0, since: null }))
})

test('keeps the signals and encodings apart', async () => {
  const seen: string[] = []
  const insert: Insert = async ({ signal, encoding }, bodies) => {
    seen.push(`${signal} ${encoding} ${[...bodies]}`)
  }
  const spool = await open(fakeServer(), { insert })
  await spool.accept('traces', 'protobuf', accepted('same'))
  await spool.accept('logs', 'protobuf', accepted('same'))
  await spool.accept('metrics', 'json', accepted('same'))
  await eventually(() =>
    expect(seen.sort()).toEqual(['logs protobuf same', 'metrics json same', 'traces protobuf same']),
  )
})

test('accepts the same body once, however the second comes', async () => {
  const server = fakeServer()
  const first = await open(server)
  expect(await send(first, 'a', 'a')).toEqual(['written', 'repeated'])
  expect(await send(first, 'a')).toEqual(['repeated'])
  await eventually(() => expect(server.bodies()).toEqual(['a']))
  expect(await send(first, 'a')).toEqual(['repeated'])
  await first.close()
  const second = await open(server)
  expect(await send(second, 'a', 'b')).toEqual(['repeated', 'written'])
  await eventually(() => expect(server.bodies()).toEqual(['a', 'b']))
})

test('knows what was accepted but not stored before it started', async () => {
  const server = fakeServer()
  server.mood = down
  const first = await open(server)
  await send(first, 'a')
  await first.close()
  server.mood = () => {}
  const second = await open(server)
  expect(await send(second, 'a')).toEqual(['repeated'])
  await eventually(() => expect(server.bodies()).toEqual(['a']))
  expect(new Set(server.tokens).size).toBe(1)
}, 20_000)

test('forgets a body after ten minutes, also in a later process', async () => {
  const server = fakeServer()
  let now = Date.now()
  const first = await open(server, { now: () => now })
  await send(first, 'a')
  await eventually(() => expect(files('.stored')).toHaveLength(1))
  await first.close()
  const second = await open(server, { now: () => now })
  now += 590_000
  expect(await send(second, 'a')).toEqual(['repeated'])
  now += 20_000
  await eventually(() => expect(files('.stored')).toEqual([]))
  expect(await send(second, 'a')).toEqual(['written'])
}, 20_000)

test('tries again with the same token until ClickHouse takes it', async () => {
  const server = fakeServer()
  const told: IngestEvent[] = []
  let failures = 3
  server.mood = () => {
    if (failures-- > 0) throw new Unavailable('down')
  }
  const spool = await open(server, { tell: (event) => told.push(event) })
  await send(spool, 'a')
  await eventually(() => expect(server.bodies()).toEqual(['a']))
  expect(server.tokens).toHaveLength(4)
  expect(new Set(server.tokens).size).toBe(1)
  await eventually(() => expect(told.map(({ kind }) => kind)).toEqual([...Array(3).fill('retrying'), 'inserted']))
})

test('stores what comes later although one body is never taken', async () => {
  const server = fakeServer()
  server.mood = (bodies) => {
    if (bodies.includes('too much')) down()
  }
  const spool = await open(server)
  await send(spool, 'too much')
  await eventually(() => expect(server.tokens.length).toBeGreaterThan(1))
  await send(spool, 'a')
  await eventually(() => expect(server.bodies()).toEqual(['a']))
  await send(spool, 'b')
  await eventually(() => expect(server.bodies()).toEqual(['a', 'b']))
  await eventually(() => expect(spool.state().waiting.traces.segments).toBe(1))
}, 30_000)

test('refuses more than its limit, and accepts again when there is room', async () => {
  const server = fakeServer()
  server.mood = down
  const spool = await open(server, { limitBytes: 1_000 })
  await send(spool, 'a'.repeat(600))
  await expect(send(spool, 'b'.repeat(600))).rejects.toThrow(
    'the spool is full (632 B of 1 kB, ingest.spoolBytes) until ClickHouse takes more',
  )
  server.mood = () => {}
  await eventually(() => expect(spool.state().waiting.traces.bytes).toBe(0))
  expect(await send(spool, 'b'.repeat(600))).toEqual(['written'])
})

test('sends full segments without waiting and small ones at most once a second', async () => {
  const server = fakeServer()
  const spool = await open(server, { segmentBytes: 1_000 })
  const started = performance.now()
  for (let n = 0; n < 40; n++) await send(spool, `${n}`.padStart(300, '.'))
  await eventually(() => expect(server.bodies()).toHaveLength(40))
  expect(server.tokens.length).toBeGreaterThanOrEqual(10)
  const before = server.tokens.length
  for (let n = 0; n < 40; n++) await send(spool, `small ${n}`)
  await eventually(() => expect(server.bodies()).toHaveLength(80))
  expect(server.tokens.length - before).toBeLessThanOrEqual(Math.ceil((performance.now() - started) / 1_000) + 1)
})

test('writes many bodies that come at once in few segments and answers each', async () => {
  const server = fakeServer()
  const spool = await open(server)
  const texts = Array.from({ length: 3_000 }, (_, n) => `body ${n}`)
  expect(new Set(await send(spool, ...texts))).toEqual(new Set(['written']))
  await eventually(() => expect(server.bodies()).toEqual(texts.sort()))
  expect(server.tokens.length).toBeLessThanOrEqual(3)
})

test('bounds a segment by its items too: empty ones take no bytes, but memory of ClickHouse', async () => {
  const server = fakeServer()
  const spool = await open(server)
  const heavy = (text: string) =>
    spool.accept('logs', 'protobuf', { body: Buffer.from(text), items: 300_000, days: [] })
  await Promise.all(['a', 'b', 'c', 'd'].map(heavy))
  await eventually(() => expect(server.bodies()).toEqual(['a', 'b', 'c', 'd']))
  expect(server.tokens.length).toBeGreaterThanOrEqual(2)
})

test('bounds a segment by its days too: ClickHouse keeps each apart', async () => {
  const server = fakeServer()
  const spool = await open(server)
  const spread = (text: string, index: number) => {
    const days = Array.from({ length: 366 }, (_, n) => index * 366 + n)
    return spool.accept('traces', 'json', { body: Buffer.from(text), items: 366, days })
  }
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map(spread))
  await eventually(() => expect(server.bodies()).toEqual(['a', 'b', 'c', 'd', 'e']))
  expect(server.tokens.length).toBeGreaterThanOrEqual(3)
})

test('puts a refused body aside with the reason and stores the others', async () => {
  const server = fakeServer()
  server.mood = (bodies) => {
    if (bodies.includes('poison')) throw new BadInput('code 27 at line 1')
  }
  const told: IngestEvent[] = []
  const spool = await open(server, { tell: (event) => told.push(event) })
  await send(spool, 'a', 'b', 'poison', 'c')
  await eventually(() => expect(told.map(({ kind }) => kind)).toContain('quarantined'))
  expect(server.bodies()).toEqual(['a', 'b', 'c'])
  const [note, ...more] = listQuarantine(folder)
  expect(more).toEqual([])
  expect(note).toMatchObject({
    signal: 'traces',
    encoding: 'json',
    bytes: 6,
    reason: 'code 27 at line 1',
    damaged: false,
  })
  expect(readFileSync(note?.file ?? '', 'utf8')).toBe('poison')
  expect(spool.state().quarantinedBytes).toBeGreaterThan(6)
  expect(await send(spool, 'poison', 'a')).toEqual(['written', 'repeated'])
})

/** Leaves one segment with these bodies, as a process that was killed would. */
async function leaveBehind(texts: string[], change: (path: string) => void): Promise<void> {
  const server = fakeServer()
  server.mood = down
  const spool = await open(server)
  await send(spool, ...texts)
  await spool.close()
  change(join(folder, files('.segment')[0] as string))
}

test('cuts off a torn end and stores what is whole', async () => {
  await leaveBehind(['a', 'b'], (path) => appendFileSync(path, readFileSync(path).subarray(0, 20)))
  const server = fakeServer()
  await open(server)
  await eventually(() => expect(files('.segment')).toEqual([]))
  expect(server.bodies()).toEqual(['a', 'b'])
  expect(listQuarantine(folder)).toEqual([])
}, 20_000)

test('puts damaged bytes aside and stores what is whole', async () => {
  await leaveBehind(['first', 'second', 'third'], (path) => {
    const file = readFileSync(path)
    writeFileSync(path, file.fill('X', file.indexOf('second'), file.indexOf('second') + 1))
  })
  const server = fakeServer()
  await open(server)
  await eventually(() => expect(files('.segment')).toEqual([]))
  expect(server.bodies()).toEqual(['first', 'third'])
  expect(listQuarantine(folder)).toMatchObject([{ reason: 'it was damaged on disk', damaged: true }])
}, 20_000)

test('says so when somebody removed a segment that was not stored', async () => {
  const server = fakeServer()
  server.mood = down
  const told: IngestEvent[] = []
  const spool = await open(server, { tell: (event) => told.push(event) })
  await send(spool, 'a')
  await eventually(() => expect(told.map(({ kind }) => kind)).toContain('retrying'))
  rmSync(join(folder, files('.segment')[0] as string))
  await eventually(() => expect(told.map(({ kind }) => kind)).toContain('lost'))
  expect(spool.state().waiting.traces.segments).toBe(0)
})

test('refuses a folder that another process uses, until that ends', async () => {
  const server = fakeServer()
  const first = await open(server)
  await expect(open(server)).rejects.toThrow(new Unavailable(`the spool ${folder} is in use by another Cyclewatch`))
  await first.close()
  expect(await send(await open(server), 'a')).toEqual(['written'])
})

test('refuses a folder that cannot be made', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(open(fakeServer(), { folder: join(file, 'spool') })).rejects.toThrow(
    /^the spool .*\/file\/spool cannot be used: /,
  )
})
