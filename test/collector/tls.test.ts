import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import * as tls from 'node:tls'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cycle, startTelemetry, type Telemetry } from '#collector/collector.ts'
import { CERTIFICATE, KEY } from '#test/certificate.ts'
import { type Receiver, startReceiver } from '#test/collector/receiver.ts'

let receiver: Receiver
let telemetry: Telemetry
const server = createServer({ key: KEY, cert: CERTIFICATE }, (_, response) => response.end('x'))
const trusted = tls.getCACertificates('default')

beforeAll(async () => {
  receiver = await startReceiver()
  telemetry = startTelemetry({ service: 'prices', endpoint: receiver.url })
  await once(server.listen(0), 'listening')
})
beforeEach(() => {
  receiver.spans.length = 0
})
afterAll(async () => {
  tls.setDefaultCACertificates(trusted)
  await telemetry.shutdown()
  await receiver.close()
  server.closeAllConnections()
  server.close()
})

async function fetched(): Promise<unknown> {
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  const [outcome] = await cycle('coins', (run) => Promise.allSettled([run.fetch(url)]))
  await telemetry.flush()
  return outcome.status === 'rejected' ? outcome.reason : outcome.value.status
}

test('ends in the tls phase when the certificate is not trusted', async () => {
  expect(await fetched()).toMatchObject({ name: 'NetworkError', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const { attributes } = receiver.one('GET')
  expect(attributes['error.type']).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  expect(attributes['http.phase.tls_ms']).toBeGreaterThan(0)
  expect(attributes).not.toHaveProperty('http.phase.ttfb_ms')
})

test('tells the tls phase of a new connection only', async () => {
  tls.setDefaultCACertificates([...trusted, CERTIFICATE])
  expect([await fetched(), await fetched()]).toEqual([200, 200])
  const [opened, reused] = receiver.named('GET')
  for (const phase of ['dns', 'connect', 'tls']) {
    expect(opened?.attributes).toHaveProperty([`http.phase.${phase}_ms`])
    expect(reused?.attributes).not.toHaveProperty([`http.phase.${phase}_ms`])
  }
  expect(opened?.attributes['http.phase.tls_ms']).toBeGreaterThan(0)
})
