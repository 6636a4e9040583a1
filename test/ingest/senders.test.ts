// Who may send, and how much: from the header Authorization to the answer.

import { expect, test } from 'vitest'
import { bytes, number, span, traces, tracesJson } from '#test/ingest/otlp.ts'
import { log, logsJson } from '#test/ingest/otlp-logs.ts'
import { fakeGateway, JSON_TYPE, PROTOBUF } from '#test/ingest/sending.ts'

const COINS = { name: 'coins', secret: 'a-secret-for-coins', services: ['coins'] }
const ALL = { name: 'all', secret: 'a-secret-for-everything' }
const tokens = [COINS, ALL]

const bearer = ({ secret }: { secret: string }) => ({ Authorization: `Bearer ${secret}` })
const from = (service: string) => [{ resource: { 'service.name': service }, spans: [span()] }]
const HINT = "send 'Authorization: Bearer SECRET' with the secret of a token"

test.each([
  ['no header', {}, 'there is no header Authorization'],
  ['an unknown token', { Authorization: 'Bearer nothing-that-is-known' }, 'the token is not known here'],
  [
    'a password',
    { Authorization: `Basic ${btoa('coins:a-secret-for-coins')}` },
    'the header Authorization is of another kind',
  ],
])('answers 401 to %s, in the encoding of the request', async (_, headers, reason) => {
  const { post, kept, told, bugs } = fakeGateway({ tokens })
  const message = `${reason}; ${HINT}`
  const inJson = await post(tracesJson(from('coins')), { ...JSON_TYPE, ...headers })
  expect([inJson.status, inJson.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(await inJson.json()).toEqual({ code: 16, message })
  const inProtobuf = await post(traces(from('coins')), { ...PROTOBUF, ...headers })
  expect([inProtobuf.status, inProtobuf.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  expect(Buffer.from(await inProtobuf.arrayBuffer())).toEqual(Buffer.concat([number(1, 16), bytes(2, message)]))
  expect([kept, bugs]).toEqual([[], []])
  expect(told).toMatchObject([
    { status: 401, bytes: 0, items: 0 },
    { status: 401, bytes: 0, items: 0 },
  ])
})

test('answers 403 to a service the token may not send for, and keeps nothing of the body', async () => {
  const { post, send, kept } = fakeGateway({ tokens })
  const headers = { ...JSON_TYPE, ...bearer(COINS) }
  const answer = await post(tracesJson([...from('coins'), ...from('billing')]), headers)
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([403, null])
  expect(await answer.json()).toEqual({
    code: 7,
    message: "the token 'coins' may not send for the service 'billing'",
  })
  const nameless = await send({ path: '/v1/logs', headers, body: logsJson([{ logs: [log()] }]) })
  expect(nameless.status).toBe(403)
  expect(await nameless.json()).toMatchObject({ message: expect.stringContaining('resources without service.name') })
  expect(kept).toEqual([])
  expect((await post(tracesJson(from('coins')), headers)).status).toBe(200)
  expect((await post(tracesJson(from('billing')), { ...JSON_TYPE, ...bearer(ALL) })).status).toBe(200)
  expect(kept).toHaveLength(2)
})

test('answers 429 with Retry-After to a sender who sent too much, and to no other', async () => {
  const { post, told, kept } = fakeGateway({ tokens, bytesPerSecond: 1_000 })
  const much = tracesJson([
    ...from('coins'),
    { spans: [] },
    { resource: { x: 'x'.repeat(5_000), 'service.name': 'coins' }, spans: [] },
  ])
  const headers = { ...JSON_TYPE, ...bearer(COINS) }
  expect((await post(much, headers)).status).toBe(403)
  const refused = await post(tracesJson(from('coins')), headers)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toMatch(/^[123]$/)
  expect(await refused.json()).toEqual({
    code: 8,
    message: 'more than 1 kB a second were sent (ingest.bytesPerSecond); send it again',
  })
  const inProtobuf = await post(traces(from('coins')), { ...PROTOBUF, ...bearer(COINS) })
  expect([inProtobuf.status, inProtobuf.headers.get('content-type')]).toEqual([429, 'application/x-protobuf'])
  expect((await post(tracesJson(from('billing')), { ...JSON_TYPE, ...bearer(ALL) })).status).toBe(200)
  expect(told.map((event) => event.kind === 'answered' && event.status)).toEqual([403, 429, 429, 200])
  expect(kept).toHaveLength(1)
})
