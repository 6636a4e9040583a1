import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startServer } from '#api/server.ts'
import { checkIngest } from '#cli/checks/answers.ts'
import { checkSpool, type SpoolQuestion } from '#cli/checks/spool.ts'
import { checkTraffic, judgeTraffic, type Metrics } from '#cli/checks/traffic.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { meterIngest, meterSpool } from '#ingest/meters.ts'
import { quarantine } from '#ingest/spool/quarantine.ts'
import type { Signal } from '#storage/signals.ts'
import { CERTIFICATE, KEY } from '#test/certificate.ts'

const NOW = 1_700_000_000_000

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "spool o'"))
  mkdirSync(join(folder, 'quarantine'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the spool on disk', () => {
  const question = (more: Partial<SpoolQuestion> = {}): SpoolQuestion => ({
    folder,
    limitBytes: 1e6,
    endpoint: 'http://127.0.0.1:4318',
    tokens: false,
    now: NOW,
    ...more,
  })

  function segment(bytes: number, ageMs: number, signal: Signal = 'traces'): void {
    writeFileSync(join(folder, `${NOW - ageMs}-0a0b0c0d.${signal}.json.segment`), Buffer.alloc(bytes))
  }

  const refuse = (reason: string, at: number, damaged = false) =>
    quarantine(
      folder,
      { id: `${NOW - 5_000}-0a0b0c0d`, signal: 'logs', encoding: 'protobuf' },
      { position: at, bytes: Buffer.alloc(100), reason, damaged },
      NOW + at,
    )

  test('is no fault when it is not there, or empty, or what waits has just come', () => {
    expect(checkSpool(question({ folder: join(folder, 'none') }))).toMatchObject([{ state: 'good' }])
    expect(checkSpool(question())).toEqual([
      { check: 'spool', state: 'good', says: 'nothing waits for ClickHouse; there is room for 1 MB' },
    ])
    segment(1_500, 2_000)
    segment(500, 1_000, 'logs')
    expect(checkSpool(question())).toEqual([
      { check: 'spool', state: 'good', says: '2 kB wait for ClickHouse, the oldest for 2 s; there is room for 998 kB' },
    ])
  })

  test('is a fault when something waits for more than a minute', () => {
    segment(1_500, 61_000)
    expect(checkSpool(question())).toMatchObject([
      {
        state: 'fault',
        says: expect.stringMatching(/^1\.5 kB wait for ClickHouse, the oldest for 61 s;/),
        todo: expect.stringContaining('cyclewatch up'),
      },
    ])
  })

  test('is a fault when it is nearly full, quarantine included', async () => {
    segment(810_000, 0)
    expect(checkSpool(question())).toMatchObject([
      {
        state: 'fault',
        says: '810 kB wait for ClickHouse, the oldest for 0 ms; there is room for 190 kB of 1 MB',
        todo: expect.stringContaining('503'),
      },
    ])
    rmSync(join(folder, `${NOW}-0a0b0c0d.traces.json.segment`))
    await refuse('x', 1)
    const [spool] = checkSpool(question({ limitBytes: 350 }))
    expect(spool).toMatchObject({ state: 'fault', says: expect.stringMatching(/^nothing waits.*quarantine takes/) })
  })

  test('counts nothing that is not its own, and no receipts', () => {
    for (const name of ['lock', 'notes.txt', `${NOW}-0a0b0c0d.traces.json.stored`, '12-0.traces.json.segment']) {
      writeFileSync(join(folder, name), 'xxxx')
    }
    expect(checkSpool(question())).toMatchObject([{ says: expect.stringContaining('nothing waits') }])
  })

  test('shows why bodies are in quarantine, where they lie and how one is sent again', async () => {
    for (let at = 0; at < 7; at += 1) await refuse(at < 3 ? 'one\n reason' : `another ${at}`, at)
    const [, finding] = checkSpool(question({ tokens: true }))
    const name = (at: number) => `${NOW - 5_000}-0a0b0c0d-${at}.logs.pb`
    const path = `${folder}/quarantine/${name(6)}`.replace("'", "'\\''")
    expect(finding).toEqual({
      check: 'quarantine',
      state: 'fault',
      says: `7 bodies put aside, 700 B, in ${folder}/quarantine`,
      todo: expect.stringMatching(/send it again, or not; then delete the file and its \.reason\.json$/),
      details: [
        ...[6, 5, 4].map((at) => `2023-11-14T22:13:20Z ${name(at)}, logs: another ${at}`),
        '… and 2 other reasons',
        `send with: curl http://127.0.0.1:4318/v1/logs -H 'Authorization: Bearer SECRET' ` +
          `-H 'Content-Type: application/x-protobuf' --data-binary @'${path}'`,
      ],
    })
  })

  test('shows the same reason once', async () => {
    for (let at = 0; at < 3; at += 1) await refuse('one\n reason', at)
    expect(checkSpool(question())[1]?.details?.[0]).toBe(
      `3 times, last 2023-11-14T22:13:20Z ${NOW - 5_000}-0a0b0c0d-2.logs.pb, logs: one reason`,
    )
  })

  test('does not propose to send what was damaged, and forgets what somebody has removed', async () => {
    await refuse('it was damaged on disk', 7, true)
    const [, finding] = checkSpool(question())
    expect(finding).toMatchObject({ state: 'fault', todo: expect.stringContaining('disk') })
    expect(JSON.stringify(finding)).not.toContain('curl')
    rmSync(join(folder, 'quarantine', `${NOW - 5_000}-0a0b0c0d-7.logs.damaged`))
    expect(checkSpool(question())).toHaveLength(1)
  })

  test('shortens endless reasons', async () => {
    await refuse('x'.repeat(100_000), 1)
    const [, finding] = checkSpool(question())
    expect(JSON.stringify(finding).length).toBeLessThan(2_000)
  })

  test('says in one finding that it cannot be read', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(checkSpool({ ...question(), folder: file })).toMatchObject([{ check: 'spool', state: 'fault' }])
  })
})

describe('what ingest has counted', () => {
  const answered = { kind: 'answered', signal: 'traces', bytes: 100, items: 5, rejected: 0, repeated: false } as const
  const requests = (status: number, number: number): IngestEvent[] => Array(number).fill({ ...answered, status })
  const inserted = { kind: 'inserted', signal: 'traces', bytes: 100, items: 5, ms: 200 } as const
  const retrying = { kind: 'retrying', signal: 'traces', reason: 'down' } as const

  /** As `/metrics` would tell it, after it has come through JSON. */
  async function metricsAfter(events: IngestEvent[], since: number | null = null): Promise<Metrics> {
    const registry = new Registry()
    const tell = meterIngest(registry)
    for (const event of events) tell(event)
    const nothing = { segments: 0, bytes: 0, since: null }
    const waiting = { traces: { ...nothing, since }, metrics: nothing, logs: nothing }
    meterSpool(
      registry,
      () => ({ limitBytes: 1, quarantinedBytes: 0, waiting }),
      () => NOW,
    )
    const started = { name: 'process_start_time_seconds', values: [{ value: NOW / 1_000 - 3_600, labels: {} }] }
    return [started, ...JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()))]
  }

  const judge = async (...of: Parameters<typeof metricsAfter>) => judgeTraffic(await metricsAfter(...of), NOW)

  test('is told in two lines when all is well', async () => {
    expect(await judge([])).toEqual([
      { check: 'received', state: 'good', says: 'nothing since its start 1 h ago' },
      { check: 'inserts', state: 'good', says: '0 into ClickHouse' },
    ])
    const events = [...requests(200, 1_234), ...requests(400, 2), inserted, { ...inserted, ms: 400 }, retrying]
    const more = [
      { ...answered, status: 200, repeated: true },
      { ...answered, status: 200, rejected: 2 },
    ] as const
    expect(await judge([...events, ...more])).toEqual([
      {
        check: 'received',
        state: 'good',
        says:
          '1,238 requests with 6,175 items since its start 1 h ago, 1 repeated, ' +
          '2 items left out, without valid ids, 0.16% refused: 2 with 400',
      },
      { check: 'inserts', state: 'good', says: '2 into ClickHouse, 300 ms on average, 1 tried again' },
    ])
  })

  test.each([
    [400, 'see its log'],
    [401, 'Authorization: Bearer'],
    [403, 'tokens[].services'],
    [413, 'ingest.maxBodyBytes'],
    [415, 'http/protobuf'],
    [429, 'ingest.bytesPerSecond'],
    [500, 'report'],
    [503, 'ClickHouse'],
  ])('is a fault when many requests are answered %i, with the way out', async (status, todo) => {
    const [received] = await judge([...requests(200, 90), ...requests(status, 10), ...requests(418, 1)])
    expect(received).toMatchObject({
      state: 'fault',
      says: expect.stringContaining(`10.9% refused: 10 with ${status}, 1 with 418`),
      todo: expect.stringContaining(todo),
    })
  })

  test('is a fault while inserts fail and something waits', async () => {
    const [, inserts] = await judge([inserted, retrying, retrying], NOW - 30_000)
    expect(inserts).toMatchObject({ state: 'fault', says: expect.stringMatching(/2 tried again; .* since 30 s$/) })
    expect((await judge([inserted, retrying], NOW - 500))[1]).toMatchObject({ state: 'good' })
  })

  test('is a fault when somebody removed files that were not stored', async () => {
    const [, inserts] = await judge([{ kind: 'lost', signal: 'logs', bytes: 5 }])
    expect(inserts).toMatchObject({ state: 'fault', says: expect.stringContaining('1 file removed') })
  })

  test('is no finding where there is no ingest, or no answer that is ours', async () => {
    expect(judgeTraffic([], NOW)).toEqual([])
    expect(await checkTraffic(null, NOW)).toEqual([])
    for (const body of ['<h1>It works!</h1>', '{"a":1}', '[{"name":1}]']) {
      const listen = { host: '127.0.0.1', port: 0 }
      const server = await startServer({ listen, option: 'listen', fetch: () => new Response(body) })
      expect(await checkTraffic(server.url, NOW)).toEqual([])
      await server.stop()
      expect(await checkTraffic(server.url, NOW)).toEqual([])
    }
  })
})

describe('ingest over TLS', () => {
  const listen = { host: '127.0.0.1', port: 0 }
  const fetch = () => new Response('', { status: 405 })
  const tls = { cert: CERTIFICATE, key: KEY }
  const portOf = ({ url }: { url: string }) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })

  function files(cert = CERTIFICATE): { cert: string; key: string } {
    writeFileSync(join(folder, 'cert.pem'), cert)
    return { cert: join(folder, 'cert.pem'), key: '' }
  }

  test('is known by its certificate, whoever signed it', async () => {
    const server = await startServer({ listen, option: 'listen', fetch, tls })
    const at = portOf(server)
    const found = await checkIngest(at, files(), NOW)
    expect(found).toEqual({
      check: 'ingest',
      state: 'good',
      says: `answers at https://127.0.0.1:${at.port}/v1/traces, certificate until 2126-10-29`,
    })
    const soon = await checkIngest(at, files(), Date.parse('2126-10-20'))
    expect(soon).toMatchObject({ state: 'fault', says: expect.stringContaining('ends on 2126-10-29') })
    const over = await checkIngest(at, files(), Date.parse('2126-12-01'))
    expect(over).toMatchObject({ state: 'fault', says: expect.stringContaining('ended on 2126-10-29') })
    const other = await checkIngest(at, files(rootCertificates[0]), NOW)
    expect(other).toMatchObject({ state: 'fault', says: expect.stringContaining('another certificate') })
    const plain = await checkIngest(at, null, NOW)
    expect(plain).toMatchObject({ state: 'fault', says: expect.stringMatching(/ does not speak http$/) })
    await server.stop()
    expect(await checkIngest(at, files(), NOW)).toMatchObject({
      says: expect.stringContaining('nothing answers at https'),
    })
  })

  test('says that something there does not answer', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const found = await checkIngest({ host: '127.0.0.1', port }, null, NOW)
    expect(found).toMatchObject({ state: 'fault', says: expect.stringMatching(/^no answer at \S+ in 5 s$/) })
    silent.close()
  })

  test('is a fault where plain HTTP is spoken still', async () => {
    const server = await startServer({ listen, option: 'listen', fetch })
    const found = await checkIngest(portOf(server), files(), NOW)
    expect(found).toMatchObject({ state: 'fault', todo: expect.stringContaining('ingest.tls') })
    expect(found.says).toMatch(/ does not speak https$/)
    await server.stop()
  })
})
