import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newFolder, nothingRunsIn, processesIn, run, start, until } from '#test/e2e/processes.ts'
import {
  ask,
  cyclesOf,
  doctor,
  enginePid,
  newTraceId,
  PROTOBUF_TYPE,
  post,
  root,
  sendCycle,
  stop,
  up,
} from '#test/e2e/running.ts'
import { SPAN_ID, span, traces, tracesJson } from '#test/ingest/otlp.ts'

test.concurrent('shows what was sent in JSON and in protobuf, and keeps it over a Ctrl-C', async () => {
  const folder = newFolder()
  const running = await up(folder, { group: true })
  const health = await Promise.all(['/healthz', '/readyz'].map((path) => fetch(running.api + path)))
  expect(await Promise.all(health.map((answer) => answer.json()))).toEqual([{ status: 'ok' }, { status: 'ok' }])
  expect(health.map(({ status }) => status)).toEqual([200, 200])

  const [inJson, inProtobuf] = [newTraceId(), newTraceId()]
  const service = { 'service.name': 'fetcher', 'service.version': '7.1' }
  const first = root('prices', inJson, 2)
  const step = span({
    traceId: inJson,
    spanId: 'aaaaaaaaaaaaaaaa',
    parentSpanId: SPAN_ID,
    name: 'GET /prices',
    kind: 3,
    startNano: (first.startNano as bigint) + 500_000_000n,
    endNano: (first.startNano as bigint) + 1_500_000_000n,
    attributes: { 'http.request.method': 'GET' },
  })
  const asJson = await post(running, tracesJson([{ resource: service, spans: [step, first] }]))
  expect([asJson.status, await asJson.json()]).toEqual([200, {}])
  const asProtobuf = await post(
    running,
    traces([{ resource: service, spans: [root('prices', inProtobuf, 4)] }]),
    PROTOBUF_TYPE,
  )
  expect([asProtobuf.status, (await asProtobuf.bytes()).length]).toEqual([200, 0])

  const stats = await ask(running, ['stats', 'prices'])
  expect(stats).toMatchObject({ code: 0, err: '' })
  expect(stats.out).toMatch(/^prices +2 +3 s +3\.9 s +/m)
  const cycles = await ask(running, ['cycles'])
  expect(cycles).toMatchObject({ code: 0, err: '' })
  for (const traceId of [inJson, inProtobuf]) {
    expect(cycles.out).toMatch(new RegExp(`^20\\S+Z +prices +[24] s +fast +ok +7\\.1 .*${traceId}$`, 'm'))
  }
  const one = await ask(running, ['cycle', inJson])
  expect(one).toMatchObject({ code: 0, err: '' })
  expect(one.out).toMatch(/^prices {2}2 s {2}fast {2}ok {2}fetcher 7\.1$/m)
  expect(one.out).toMatch(/^ {2}GET \/prices +·+█+·* +1 s/m)
  const { code, out } = await doctor(running)
  expect(code).toBe(0)
  expect(out).toMatch(/^good {3}stored +3 spans, /m)
  expect(out).toMatch(/^good {3}spool +nothing waits for ClickHouse; there is room for 10 GB$/m)
  expect(out).toMatch(/^good {3}received +2 requests with 3 items since its start \S.* ago$/m)
  expect(out).toMatch(/^good {3}inserts +2 into ClickHouse, \S+ m?s on average$/m)

  running.process.kill('SIGINT', { group: true })
  expect(await running.process.ended).toMatchObject({ code: 0, signal: null, err: '' })
  expect(processesIn(folder)).toEqual([])

  const again = await up(folder)
  expect((await cyclesOf(again)).map(({ traceId }) => traceId)).toEqual(expect.arrayContaining([inJson, inProtobuf]))
  again.process.kill('SIGTERM')
  expect(await again.process.ended).toMatchObject({ code: 0, signal: null, err: '' })
  expect(processesIn(folder)).toEqual([])
})

test.concurrent('leaves no engine behind when killed with -9, and finds its cycles at the next start', async () => {
  const folder = newFolder()
  const first = await up(folder)
  const traceId = newTraceId()
  expect(await sendCycle(first, 'prices', traceId)).toBe(200)
  expect(processesIn(folder).map(({ pid }) => pid)).toContain(enginePid(folder))
  first.process.kill('SIGKILL')
  await nothingRunsIn(folder)

  const second = await up(folder)
  expect(await cyclesOf(second)).toMatchObject([{ cycle: 'prices', traceId }])
  await stop(second)
})

test.concurrent('ends with 0 and leaves nothing behind when asked to stop while it starts', async () => {
  const folder = newFolder()
  const early = start(folder, ['up', '--json'])
  await until(() => existsSync(join(folder, 'data/engine/config.xml')), 'the engine to be on its way')
  early.kill('SIGTERM')
  expect(await early.ended).toMatchObject({ code: 0, signal: null, err: '' })
  expect(processesIn(folder)).toEqual([])
})

test.concurrent('ends at once, engine too, at a second Ctrl-C', async () => {
  const folder = newFolder()
  const { process } = await up(folder)
  process.kill('SIGINT')
  process.kill('SIGINT')
  await process.ended
  await nothingRunsIn(folder)
})

test.concurrent('runs on a server of the user without an engine of its own', async () => {
  const host = newFolder()
  const owner = await up(host)
  const folder = newFolder(`
clickhouse: { url: '${owner.clickhouse}', user: cyclewatch, password_file: '${host}/data/engine/password', database: other }
ingest: { listen: 127.0.0.1:0 }
api: { listen: 127.0.0.1:0 }
`)
  const guest = await up(folder)
  expect(await sendCycle(guest, 'prices')).toBe(200)
  expect(await cyclesOf(guest)).toMatchObject([{ cycle: 'prices' }])
  expect(await cyclesOf(owner)).toEqual([])
  expect(processesIn(folder)).toHaveLength(1)
  expect(readdirSync(join(folder, 'data'))).toEqual(['spool'])
  expect(await stop(guest)).toMatchObject({ code: 0, err: '' })
  await stop(owner)
  const alone = await run(folder, ['up'])
  expect(alone).toMatchObject({ code: 3, out: '' })
  expect(alone.err).toMatch(/^cyclewatch: ClickHouse at http:\S+ cannot be used: .*\n$/)
})
