import { expect, test } from 'vitest'
import { WATERFALL_EXAMPLE } from '#api/examples.ts'
import type { WaterfallAnswer } from '#api/schemas.ts'
import { bar, renderWaterfall } from '#cli/waterfall.ts'

const PLAIN = { colour: false, width: 100 }

test('draws a bar per span on a common time axis, with its duration and what it was', () => {
  expect(renderWaterfall(WATERFALL_EXAMPLE, PLAIN)).toMatchInlineSnapshot(`
    "coin-fetcher  16.8 s  fast  ok  lcw-fetcher 1.4.0
    2026-11-01T08:00:00.000Z to 2026-11-01T08:00:16.840Z, trace 4bf92f3577b34da6a3ce929d0e0e4736
    calls 1, items 250

    coin-fetcher   ██████████████████████████████████████████████████████  16.8 s  internal
      GET /coins   ████████████████████████████████████████████████████··  16.2 s  fetch 200 api.example
      write coins  ···················································██·  620 ms  db sqlite"
  `)
})

const RUNNING: WaterfallAnswer['cycle'] = {
  ...WATERFALL_EXAMPLE.cycle,
  endedAt: null,
  durationMs: 40_000,
  bucket: null,
  outcome: 'running',
  attributes: { 'cycle.name': 'coin-fetcher', 'cycle.trigger': 'schedule' },
}

test('draws the steps of a running cycle that have arrived below a bar up to now', () => {
  const spans = WATERFALL_EXAMPLE.spans.slice(1).map((span) => ({ ...span, parent: 'missing' as const }))
  expect(renderWaterfall({ cycle: RUNNING, spans }, PLAIN)).toMatchInlineSnapshot(`
    "coin-fetcher  running for 40 s  lcw-fetcher 1.4.0
    2026-11-01T08:00:00.000Z until now, trace 4bf92f3577b34da6a3ce929d0e0e4736

    coin-fetcher   ██████████████████████████████████████████████████████    40 s  running
      GET /coins   ██████████████████████································  16.2 s  fetch 200 api.example
      write coins  ·····················█································  620 ms  db sqlite"
  `)
})

test('says so when no step of a running cycle has arrived', () => {
  expect(renderWaterfall({ cycle: RUNNING, spans: [] }, PLAIN)).toMatchInlineSnapshot(`
    "coin-fetcher  running for 40 s  lcw-fetcher 1.4.0
    2026-11-01T08:00:00.000Z until now, trace 4bf92f3577b34da6a3ce929d0e0e4736

    no spans of it have arrived yet"
  `)
})

test.each([
  { span: 'the whole', startMs: 0, durationMs: 100, drawn: '██████████' },
  { span: 'the first half', startMs: 0, durationMs: 50, drawn: '█████·····' },
  { span: 'the last tenth', startMs: 90, durationMs: 10, drawn: '·········█' },
  { span: 'an instant in the middle', startMs: 50, durationMs: 0, drawn: '·····█····' },
  { span: 'an instant at the end', startMs: 100, durationMs: 0, drawn: '·········█' },
])('shows $span in its place', ({ startMs, durationMs, drawn }) => {
  expect(bar({ startMs, durationMs }, { from: 0, to: 100, width: 10 })).toBe(drawn)
})

test('shows a mark for a span when nothing took any time', () => {
  expect(bar({ startMs: 0, durationMs: 0 }, { from: 0, to: 0, width: 4 })).toBe('█···')
})

const [root] = WATERFALL_EXAMPLE.spans as [WaterfallAnswer['spans'][number]]

test('keeps to the width of the terminal, however long the names and deep the tree', () => {
  const spans = Array.from({ length: 40 }, (_, depth) => ({
    ...root,
    depth,
    name: 'n'.repeat(300),
    message: 'm'.repeat(300),
  }))
  const lines = renderWaterfall({ ...WATERFALL_EXAMPLE, spans }, { colour: false, width: 80 }).split('\n')
  expect(lines.slice(3).filter((line) => [...line].length > 80)).toEqual([])
})

test('shows hostile text as visible signs', () => {
  const hostile = { ...root, name: '\u001b[31mred\nline\u202e', attributes: { 'server.address': '\u0007bell' } }
  const text = renderWaterfall(
    { cycle: { ...WATERFALL_EXAMPLE.cycle, message: '\u001b]0;title\u0007' }, spans: [hostile] },
    PLAIN,
  )
  expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(text).toContain('␛[31mred␊line<U+202E>')
})

test('says how many spans it leaves out', () => {
  const text = renderWaterfall({ ...WATERFALL_EXAMPLE, spans: Array.from({ length: 1_000 }, () => root) }, PLAIN)
  expect(text.split('\n').at(-1)).toBe('… and 800 more spans (--json has them all)')
})

test('says why a step failed on a line of its own, and names a request without a template by its path', () => {
  const failed = {
    ...root,
    parent: 'present' as const,
    depth: 1,
    name: 'GET',
    status: 'Error',
    message: 'GET https://api.example/coins answered nothing',
    attributes: { 'http.request.method': 'GET', 'url.full': 'https://api.example/coins?page=2' },
  }
  const text = renderWaterfall({ ...WATERFALL_EXAMPLE, spans: [root, failed] }, PLAIN)
  expect(text).toMatch(/^ {2}GET \/coins .*\n {4}GET https:\/\/api\.example\/coins answered nothing$/m)
})
