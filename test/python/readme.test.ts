// What collector/README.md shows of Python runs as it stands there, but for the ports.

import { symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSocket } from 'node:net'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { newFolder, startProgram, until } from '#test/e2e/processes.ts'
import { settled, stop, type Up, up } from '#test/e2e/running.ts'
import { files, installing, running } from '#test/python/readme.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** Three shops, of which one never gives its price. */
const upstream = createServer((request, response) => {
  if (request.url === '/shops') response.end('["north", "south", "east"]')
  else if (request.url === '/shops/south/price') response.writeHead(503, { 'retry-after': '0' }).end()
  else response.end('12.5')
})

let cyclewatch: Up
const ports = new Map<string, number>()

async function freePort(): Promise<number> {
  const socket = createSocket().listen(0, '127.0.0.1')
  await until(() => socket.listening, 'a free port')
  const { port } = socket.address() as AddressInfo
  await new Promise((done) => socket.close(done))
  return port
}

function here(text: string): string {
  return [...ports].reduce((moved, [port, ours]) => moved.replaceAll(`:${port}`, `:${ours}`), text)
}

async function shell(command: string) {
  await settled(cyclewatch)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: cyclewatch.ingest }
  const { code, out, err } = await startProgram(cyclewatch.folder, 'sh', ['-c', command], { env }).ended
  return { code, out, err }
}

beforeAll(async () => {
  upstream.listen(0, '127.0.0.1')
  await until(() => upstream.listening, 'the upstream')
  ports.set('8000', (upstream.address() as AddressInfo).port)
  const api = await freePort()
  const folder = newFolder(
    `engine: { httpPort: 0 }\ningest: { listen: "127.0.0.1:0" }\napi: { listen: "127.0.0.1:${api}" }\n`,
  )
  for (const name of ['collector', 'cyclewatch', 'node_modules']) symlinkSync(join(ROOT, name), join(folder, name))
  symlinkSync(join(inject('environment'), '.venv'), join(folder, '.venv'))
  for (const { file, text } of files) writeFileSync(join(folder, file), here(text))
  cyclewatch = await up(folder)
})
afterAll(async () => {
  await stop(cyclewatch)
  upstream.close()
})

test('shows how to install what the environment of these tests was made with', () => {
  expect(installing().map((command) => command.split(' ')[0])).toEqual(['cp', 'python3', '.venv/bin/pip'])
})

test.each([...installing().filter((command) => command.startsWith('cp ')), ...running()])('%s', async (command) => {
  expect(await shell(command)).toEqual({ code: 0, out: expect.any(String), err: '' })
})

test('the job shown is a partial cycle with three attempts at the shop that does not answer', async () => {
  const { out } = await shell('./cyclewatch cycle $(cat trace_id) --json')
  const { cycle, spans } = JSON.parse(out)
  expect(cycle).toMatchObject({ cycle: 'prices', outcome: 'partial', service: 'price-fetcher', version: '1.4.0' })
  expect(cycle.attributes).toMatchObject({
    'cycle.partial.reason': '1 of 3 shops gave no price',
    'cycle.items': '2',
    'cycle.items.expected': '3',
    'cycle.calls': '6',
    'cycle.retries': '2',
    'cycle.queries': '1',
  })
  const templates = spans.map(({ attributes }: { attributes: Record<string, string> }) => attributes['url.template'])
  expect(templates.filter((template: string | undefined) => template === '/shops/{shop}/price')).toHaveLength(5)
})

test('the log records of the job shown have the beginning of its cycle', async () => {
  const { out } = await shell('./cyclewatch cycle $(cat trace_id) --logs --json')
  expect(JSON.parse(out).logs.items).toMatchObject([{ event: 'cycle.started', related: 'trace' }])
})
