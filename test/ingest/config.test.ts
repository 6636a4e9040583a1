import { expect, test } from 'vitest'
import { z } from 'zod'
import { ingestConfig, tokensConfig } from '#ingest/config.ts'

test('listens on loopback, takes 64 MiB at once and keeps 10 GB unless told otherwise', () => {
  expect(ingestConfig.parse({})).toEqual({
    listen: { host: '127.0.0.1', port: 4318 },
    maxBodyBytes: 67_108_864,
    spoolBytes: 10_000_000_000,
    bytesPerSecond: null,
    tls: null,
    connections: 1_000,
  })
  expect(tokensConfig.parse(undefined)).toEqual([])
})

test('reads sizes as people write them', () => {
  const sizes = { maxBodyBytes: '16MiB', spoolBytes: 20_000_000, bytesPerSecond: '2.5MB' }
  expect(ingestConfig.parse(sizes)).toMatchObject({ ...sizes, maxBodyBytes: 16_777_216, bytesPerSecond: 2_500_000 })
})

test.each([
  [{ spoolBytes: '10MB' }, 'must be at least ingest.maxBodyBytes, which is 67108864 bytes'],
  [{ maxBodyBytes: '2GB' }, 'must be at most 1073741824 bytes'],
  [{ maxBodyBytes: 0 }, 'must be at least 1 byte'],
  [{ bytesPerSecond: 0 }, 'must be at least 1000 bytes'],
])('refuses %j', (section, message) => {
  expect(ingestConfig.safeParse(section).error?.issues.map((issue) => issue.message)).toEqual([message])
})

test.each([
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65_535 }],
  ['[::1]:4318', { host: '::1', port: 4318 }],
  [' collector.example.org:80 ', { host: 'collector.example.org', port: 80 }],
])('reads the address %s', (listen, parsed) => expect(ingestConfig.parse({ listen })).toMatchObject({ listen: parsed }))

test.each([
  '4318',
  ':4318',
  '127.0.0.1',
  '127.0.0.1:',
  '127.0.0.1:65536',
  '::1:4318',
  '[::1]',
  'http://host:1',
  'a b:1',
  '',
])('refuses the address %j and says how to write one', (listen) => {
  const { error } = ingestConfig.safeParse({ listen })
  expect(z.prettifyError(error as z.ZodError)).toBe(
    `✖ '${listen}' is not host:port; write for example 127.0.0.1:4318, or [::1]:4318 for IPv6\n  → at listen`,
  )
})

test('reports every mistake at once', () => {
  const { error } = ingestConfig.safeParse({ listen: 'x', maxBodyBytes: 0.5, maxBodybytes: 1 })
  expect(error?.issues.map(({ path, code }) => [path.join('.'), code])).toEqual([
    ['listen', 'custom'],
    ['maxBodyBytes', 'custom'],
    ['', 'unrecognized_keys'],
  ])
})
