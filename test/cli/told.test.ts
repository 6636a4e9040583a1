import { expect, test } from 'vitest'
import type { Told } from '#cli/product.ts'
import { tellOn } from '#cli/told.ts'
import type { IngestEvent } from '#ingest/events.ts'
import { Unavailable } from '#model/errors.ts'
import { output, written } from '#test/cli/surroundings.ts'

/** The lines on stderr for what is told, one after the other. */
function lines(told: Told[], env: Record<string, string> = {}): string[] {
  const stderr = output()
  const tell = tellOn({ stderr, env })
  for (const one of told) tell(one)
  const text = written(stderr)
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text.split('\n').slice(0, -1)
}

const ingest = (...events: IngestEvent[]): Told[] => events.map((event) => ({ kind: 'ingest', event }))

const HOSTILE = 'no\u001b[2J\r\nsecond\u0007 \u202Eline\u2028\u009b1m\0'
const SHOWN = 'no␛[2J␍␊second␇ <U+202E>line<U+2028><U+009B>1m␀'

const retrying = { kind: 'retrying', signal: 'traces', reason: 'ClickHouse cannot be reached' } as const
const inserted = { kind: 'inserted', signal: 'traces', bytes: 100, items: 5, ms: 20 } as const
const answered = {
  kind: 'answered',
  signal: 'traces',
  status: 200,
  bytes: 100,
  items: 5,
  rejected: 0,
  repeated: false,
} as const

test('says nothing of what goes well, nor of what senders are answered', () => {
  expect(lines(ingest(answered, inserted, { ...answered, status: 503 }, { ...answered, status: 400 }))).toEqual([])
})

test('says when ClickHouse stops taking a signal and when it is over, and nothing in between', () => {
  const begins = 'traces wait in the spool: ClickHouse cannot be reached'
  const over = 'traces are stored again'
  expect(lines(ingest(retrying, retrying, { ...retrying, reason: 'another' }))).toEqual([begins])
  expect(lines(ingest(retrying, retrying, inserted, inserted))).toEqual([begins, over])
  expect(lines(ingest(retrying, inserted, retrying, inserted))).toEqual([begins, over, begins, over])
})

test('keeps the signals apart', () => {
  expect(lines(ingest(retrying, { ...retrying, signal: 'logs' }, inserted))).toEqual([
    'traces wait in the spool: ClickHouse cannot be reached',
    'logs wait in the spool: ClickHouse cannot be reached',
    'traces are stored again',
  ])
})

test('says what was put aside and what is lost, each time', () => {
  const quarantined = { kind: 'quarantined', signal: 'metrics', bytes: 1_500, reason: 'Cannot parse it' } as const
  const lost = { kind: 'lost', signal: 'logs', bytes: 20_000_000 } as const
  const refused = '1.5 kB of metrics are now in quarantine (doctor says where): Cannot parse it'
  expect(lines(ingest(quarantined, quarantined, lost))).toEqual([
    refused,
    refused,
    'somebody removed 20 MB of logs from the spool before they were stored',
  ])
})

test('says what becomes of the embedded engine', () => {
  expect(
    lines([
      { kind: 'engine', event: { kind: 'died', reason: 'signal SIGKILL', retryInMs: 500 } },
      { kind: 'engine', event: { kind: 'not restarted', reason: 'no space', retryInMs: 60_000 } },
      { kind: 'engine', event: { kind: 'restarted', pid: 7 } },
    ]),
  ).toEqual([
    'the embedded ClickHouse died (signal SIGKILL); starting it again in 500 ms',
    'the embedded ClickHouse could not be started: no space; trying again in 60 s',
    'the embedded ClickHouse runs again',
  ])
})

test('puts hostile reasons into one harmless line each', () => {
  expect(
    lines([
      ...ingest({ ...retrying, reason: HOSTILE }, { kind: 'quarantined', signal: 'traces', bytes: 1, reason: HOSTILE }),
      { kind: 'engine', event: { kind: 'died', reason: HOSTILE, retryInMs: 1 } },
      { kind: 'engine', event: { kind: 'not restarted', reason: HOSTILE, retryInMs: 1 } },
    ]),
  ).toEqual([
    `traces wait in the spool: ${SHOWN}`,
    `1 B of traces are now in quarantine (doctor says where): ${SHOWN}`,
    `the embedded ClickHouse died (${SHOWN}); starting it again in 1 ms`,
    `the embedded ClickHouse could not be started: ${SHOWN}; trying again in 1 ms`,
  ])
})

test('asks for a report of a bug, with its stack only when debugging', () => {
  const bug: Told = { kind: 'bug', error: new TypeError(`bad\u001b[2J`) }
  const line = 'cyclewatch: internal error: bad␛[2J; please report it (CYCLEWATCH_DEBUG=1 shows the stack)'
  expect(lines([bug])).toEqual([line])
  expect(lines([{ kind: 'bug', error: new Unavailable('no disk') }])).toEqual(['cyclewatch: no disk'])
  const debugged = lines([bug], { CYCLEWATCH_DEBUG: '1' })
  expect(debugged[0]).toBe(line)
  expect(debugged.length).toBeGreaterThan(2)
})
