import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ErrorBody } from '#api/errors.ts'
import { ANYWHERE, newFolder, processesIn, run } from '#test/e2e/processes.ts'
import { stop, up } from '#test/e2e/running.ts'

/** The faults among the lines, each with what to do. */
function faultsIn(out: string): Record<string, string> {
  const faults = out.matchAll(/^FAULT {2}(\w+) +(.*)\n +(.*)$/gm)
  return Object.fromEntries([...faults].map(([, check, , todo]) => [check, todo]))
}

test.concurrent('says what to do when nothing runs, and starts nothing', async () => {
  const folder = newFolder('ingest: { listen: 127.0.0.1:1 }\napi: { listen: 127.0.0.1:2 }\n')
  const { code, out, err } = await run(folder, ['doctor'])
  expect({ code, err }).toEqual({ code: 1, err: '' })
  const start = "start it with './cyclewatch up'"
  expect(faultsIn(out)).toEqual({ ClickHouse: start, ingest: start, API: start })
  expect(existsSync(join(folder, 'data'))).toBe(false)
  expect(processesIn(folder)).toEqual([])
})

test.concurrent('says what to do when the configured server is not there, or something else is', async () => {
  const other = createServer((_, response) => response.end('<h1>It works!</h1>')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`
  const folder = newFolder(
    `clickhouse: { url: 'http://127.0.0.1:1' }\ningest: { listen: '${taken}' }\napi: { listen: 127.0.0.1:1 }\n`,
  )
  const { code, out, err } = await run(folder, ['doctor'])
  expect({ code, err }).toEqual({ code: 1, err: '' })
  expect(faultsIn(out)).toEqual({
    ClickHouse: expect.stringContaining('clickhouse.url'),
    ingest: expect.stringContaining('ingest.listen'),
    API: expect.stringContaining('cyclewatch up'),
  })
  expect(await run(folder, ['doctor', '--json'])).toMatchObject({
    code: 1,
    out: expect.stringMatching(/^\{\n {2}"findings"/),
  })
  other.close()
})

test.concurrent('knows its own API while that is not ready, and says why', async () => {
  const body: ErrorBody = { error: { code: 'unavailable', message: '2 migrations have not been applied' } }
  const other = createServer((_, response) => response.writeHead(503).end(JSON.stringify(body))).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  const { code, out, err } = await run(newFolder(), ['doctor', '--url', url])
  expect({ code, err }).toEqual({ code: 1, err: '' })
  expect(out).toMatch(/^FAULT {2}API +answers at http:\S+\/readyz, not ready: 2 migrations have not been applied$/m)
  expect(faultsIn(out)).toMatchObject({ API: expect.stringContaining('cyclewatch migrate') })
  other.close()
})

test.concurrent('says in one line that no server answers, or that something else does', async () => {
  const other = createServer((_, response) => response.end('<h1>It works!</h1>')).listen(0, '127.0.0.1')
  await once(other, 'listening')
  const folder = newFolder()
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  const [none, wrong] = await Promise.all(
    ['http://127.0.0.1:1', url].map((address) => run(folder, ['stats', '--url', address])),
  )
  expect(none).toMatchObject({ code: 3, out: '', err: expect.stringMatching(/^cyclewatch: .*127.0.0.1:1.*--url\n$/) })
  expect(wrong).toMatchObject({ code: 3, out: '', err: expect.stringMatching(/^cyclewatch: .*\n$/) })
  other.close()
})

test.concurrent('migrates with nothing running, leaves no process behind, and has nothing to do the second time', async () => {
  const folder = newFolder()
  const first = await run(folder, ['migrate', '--json'])
  expect(first).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(first.out)).toMatchObject({
    database: 'cyclewatch',
    applied: expect.arrayContaining(['003_cycles']),
  })
  expect(processesIn(folder)).toEqual([])
  expect(existsSync(join(folder, 'data/engine.json'))).toBe(false)
  expect(await run(folder, ['migrate'])).toMatchObject({ code: 0, out: 'the schema is up to date\n', err: '' })
  expect(processesIn(folder)).toEqual([])
})

test.concurrent('migrates through the engine of a running up, and leaves it running', async () => {
  const running = await up(newFolder())
  const before = readFileSync(join(running.folder, 'data/engine.json'), 'utf8')
  expect(await run(running.folder, ['migrate'])).toMatchObject({ code: 0, out: 'the schema is up to date\n', err: '' })
  expect(readFileSync(join(running.folder, 'data/engine.json'), 'utf8')).toBe(before)
  expect((await fetch(`${running.api}/readyz`)).status).toBe(200)
  await stop(running)
})

test.concurrent('checks a configuration without starting anything', async () => {
  const folder = newFolder(`${ANYWHERE}cycles: [{ name: a }]\n`)
  const { code, out } = await run(folder, ['config', 'check', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ config: { data: join(folder, 'data'), cycles: [{ name: 'a' }] } })
  expect(existsSync(join(folder, 'data'))).toBe(false)
})
