import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { StatsAnswer } from '#api/schemas.ts'
import { run } from '#test/cli/surroundings.ts'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-client-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Api = { url: string; asked: URL[] } & AsyncDisposable

/** Answers everything with one document and keeps what it was asked. */
async function api(answer: unknown): Promise<Api> {
  const asked: URL[] = []
  const server = createServer((request, response) => {
    asked.push(new URL(request.url ?? '', 'http://api'))
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}`, asked, [Symbol.asyncDispose]: close }
}

const NOTHING = { items: [], cursor: null }

for (const option of [['--version', '1.4.0'], ['--version=1.4.0']]) {
  test(`filters by version for 'cycles ${option.join(' ')}'`, async () => {
    await using server = await api(NOTHING)
    const argv = ['cycles', 'coins', ...option, '--where', 'host=a', '--url', server.url]
    expect(await run(argv)).toEqual({
      code: 0,
      out: 'no such cycle ended in the 24h before now with host=a and version=1.4.0; --window 30d looks further back\n',
      err: '',
    })
    expect(server.asked.map(({ pathname, searchParams }) => [pathname, ...searchParams])).toEqual([
      ['/api/cycles', ['name', 'coins'], ['where', 'host=a'], ['where', 'version=1.4.0']],
    ])
  })
}

test('asks where the API listens, not where a proxy has it for people', async () => {
  await using server = await api(NOTHING)
  const text = `api: { listen: '${new URL(server.url).host}', publicUrl: 'http://127.0.0.1:1' }\n`
  writeFileSync(join(folder, 'cyclewatch.yaml'), text)
  expect(await run(['cycles'], { cwd: folder })).toMatchObject({ code: 0, err: '' })
  expect(server.asked).toHaveLength(1)
})

test('asks for --url when api.listen takes any free port, whatever the address for people', async () => {
  writeFileSync(join(folder, 'any.yaml'), "api: { listen: 127.0.0.1:0, publicUrl: 'http://127.0.0.1:1' }\n")
  const { code, err } = await run(['cycles', '--config', 'any.yaml'], { cwd: folder })
  const line = 'cyclewatch: api.listen takes any free port, which is not known here; name the address with --url\n'
  expect({ code, err }).toEqual({ code: 64, err: line })
})

test('prints the ends of rolling windows to the second', async () => {
  const windows = [
    { from: '2026-11-01T07:00:00.000Z', to: '2026-11-01T08:00:00.000Z', count: 0 },
    { from: '2026-11-01T07:00:59.987Z', to: '2026-11-01T08:00:59.987Z', count: 1, ...figures() },
  ]
  await using server = await api({ items: [{ cycle: 'coins', group: null, windows }], cursor: null })
  const { out } = await run(['stats', '--step', '1h', '--url', server.url])
  expect(out).toMatch(/^coins {2}2026-11-01T08:00:00Z {2}/m)
  expect(out).toMatch(/^coins {2}2026-11-01T08:00:59Z {2}/m)
})

type Filled = Exclude<StatsAnswer['items'][number]['windows'][number], { count: 0 }>

function figures(): Omit<Filled, 'from' | 'to' | 'count'> {
  const none = { count: 0, share: 0 }
  const all = { count: 1, share: 1 }
  return {
    ...{ p50Ms: 1, p95Ms: 1, p99Ms: 1, meanMs: 1, minMs: 1, maxMs: 1 },
    buckets: { fast: all, normal: none, slow: none, very_slow: none },
    outcomes: { ok: all, partial: none, failed: none, timeout: none },
  }
}
