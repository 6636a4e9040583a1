import { expect, test } from 'vitest'
import { statusMessage, successMessage } from '#ingest/messages.ts'
import { bytes, number } from '#test/ingest/otlp.ts'

const text = (message: Uint8Array) => Buffer.from(message).toString()
const hex = (message: Uint8Array) => Buffer.from(message).toString('hex')

test('writes full success as the empty message', () => {
  expect(text(successMessage('traces', null, 'json'))).toBe('{}')
  expect(hex(successMessage('traces', null, 'protobuf'))).toBe('')
})

test('writes partial success as a count and a reason', () => {
  const partial = { rejected: 2, errorMessage: 'why' }
  expect(text(successMessage('traces', partial, 'json'))).toBe(
    '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"why"}}',
  )
  expect(hex(successMessage('traces', partial, 'protobuf'))).toBe('0a0708021203776879')
})

test('writes a warning as no rejected spans and a reason', () => {
  const partial = { rejected: 0, errorMessage: 'why' }
  expect(text(successMessage('traces', partial, 'json'))).toBe(
    '{"partialSuccess":{"rejectedSpans":"0","errorMessage":"why"}}',
  )
  expect(hex(successMessage('traces', partial, 'protobuf'))).toBe('0a051203776879')
})

test.each([
  ['traces', 'rejectedSpans'],
  ['metrics', 'rejectedDataPoints'],
  ['logs', 'rejectedLogRecords'],
] as const)('counts what was rejected of %s as %s', (signal, name) => {
  const message = text(successMessage(signal, { rejected: 2, errorMessage: 'why' }, 'json'))
  expect(JSON.parse(message)).toEqual({ partialSuccess: { [name]: '2', errorMessage: 'why' } })
})

test('writes an error as google.rpc.Status', () => {
  const status = { code: 3, message: 'grün "x"' }
  expect(text(statusMessage(status, 'json'))).toBe('{"code":3,"message":"grün \\"x\\""}')
  expect(hex(statusMessage(status, 'protobuf'))).toBe('080312096772c3bc6e20227822')
})

test('writes counts and lengths beyond one byte', () => {
  const partial = { rejected: 2 ** 40, errorMessage: 'x'.repeat(300) }
  const expected = bytes(1, number(1, 2 ** 40), bytes(2, 'x'.repeat(300)))
  expect(hex(successMessage('traces', partial, 'protobuf'))).toBe(hex(expected))
})
